package layout

// MaxErasure bounds the object at Erasure, in bytes.
const MaxErasure = 2 << 20

// Quarantines is what all that is in quarantine lies below.
const Quarantines = quarantine

// UserPrefixes returns what the key of everything begins with that is of a user by
// its name: documents and events, what lies beside them, and segments. Exports and
// what is in quarantine don't have names that tell. An error says why nothing of
// such a user can be in a key.
func UserPrefixes(user string) ([]string, error) {
	u, err := encode("user", user)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, folder := range []string{"/jobs/", "/events/"} {
		of := u + folder
		all = append(all, of, revisions+of)
		for _, beside := range []string{overflow, meta} {
			all = append(all, beside+of, beside+revisions+of)
		}
	}
	return append(all, Segments+hiveUser+u+"/"), nil
}
