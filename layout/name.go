package layout

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Kind says what an object is.
type Kind int

// The kinds of objects.
const (
	DocumentKey Kind = iota + 1
	EventKey
	RevisionKey
	OverflowKey
	MetaKey
	QuarantineKey       // raw bytes
	QuarantineReasonKey // why
	ProbeKey
	ExportKey   // a file that was made for download
	ErasureKey  // which versions were erased, and why
	SegmentKey  // many documents of one user
	ManifestKey // that a segment was written
	HoldKey     // what is on hold
	ReleaseKey  // that it no longer is
	ReservedKey // of a part of the bucket that this version does not use
)

// Name is what a key says of its object.
type Name struct {
	Kind Kind

	// Of documents and events, and of what belongs to one. A segment has a user
	// and, as Time and Last, its days.
	User   string
	Group  string // the recipe, or the type of an event
	ID     string // of the job or the event; of an export the export's
	Time   time.Time
	Last   time.Time
	Status string

	// Literal tells that the key is not what Key makes of these: it is of an
	// older form, and known by its literal text alone.
	Literal bool

	// Of is the key that a revision, an overflow or a meta object belongs to.
	Of string

	// Hash is the one in the key of a revision or a segment, or the id of a
	// quarantined record or an erasure, in hex.
	Hash string

	// Of exports.
	Attempt   int64
	Extension string
}

// Where logstow's own state lies.
const (
	own           = "_logstow/"
	revisions     = own + "revisions/"
	overflow      = own + "overflow/"
	meta          = own + "meta/"
	quarantine    = own + "quarantine/"
	segmentsAtTop = reservedUser + "/"
)

// Probe is the key of the object that is written to learn whether a store
// keeps its promises. It is never removed, since the role may not be allowed to.
const Probe = own + "probe"

// Revision returns where other content for a key lies, by its input hash in
// hex.
func Revision(key, hash string) string { return revisions + key + "/" + hash + ".json" }

// Overflow returns where the record behind a capped document lies.
func Overflow(key string) string { return overflow + key + ".zst" }

// Meta returns where it is written what was done to a changed document.
func Meta(key string) string { return meta + key + ".json" }

// Quarantine returns where a quarantined record's raw bytes lie, by its id: 64
// hex digits.
func Quarantine(id string) string { return quarantine + id + ".zst" }

// QuarantineReason returns where it is written why those bytes are there.
func QuarantineReason(id string) string { return quarantine + id + ".json" }

// Below these lie all exports, erasures, manifests and holds.
const (
	Exports   = own + "exports/"
	Erasures  = own + "erasures/"
	Manifests = own + "manifests/"
	Holds     = own + "holds/"
)

// Export returns where the file lies that one attempt at an export made. The
// id has 32 lower-case hex digits, attempts count from 1, and an extension is
// up to 8 lower-case letters and digits. An error says what is wrong with them.
func Export(id string, attempt int64, extension string) (string, error) {
	switch {
	case !isHex(id, exportID):
		return "", fmt.Errorf("export %.40q is not of %d hex digits", id, 2*exportID)
	case attempt < 1:
		return "", fmt.Errorf("attempt %d at an export", attempt)
	case !isExtension(extension):
		return "", fmt.Errorf("extension %.40q is not of 1 to %d lower-case letters and digits", extension, maxExtension)
	}
	return Exports + id + "/" + strconv.FormatInt(attempt, 10) + "." + extension, nil
}

// Erasure returns where an erasure's record lies, by its id: 64 hex digits.
func Erasure(id string) string { return Erasures + id + ".json" }

// Manifest returns where it is written what a segment was made of, by the hash
// in its name: 64 hex digits.
func Manifest(hash string) string { return Manifests + hash + ".json" }

// Hold returns where it is written what is on hold, by its id: 32 hex digits.
func Hold(id string) string { return Holds + id + ".json" }

// HoldRelease returns where it is written that a hold was released.
func HoldRelease(id string) string { return Holds + id + ".released.json" }

// Parse reads any key of the bucket. An error says what about it is not ours;
// the object is then somebody else's, and is to be left alone.
func Parse(key string) (Name, error) {
	n, err := parse(key)
	if err != nil {
		return Name{}, fmt.Errorf("key %.200q: %w", key, err)
	}
	return n, nil
}

func parse(key string) (Name, error) {
	if key == Probe {
		return Name{Kind: ProbeKey}, nil
	}
	if rest, ok := strings.CutPrefix(key, Segments); ok {
		return parseSegment(rest)
	}
	if strings.HasPrefix(key, segmentsAtTop) {
		return Name{Kind: ReservedKey}, nil
	}
	if !strings.HasPrefix(key, own) {
		return parseRecord(key)
	}
	switch part, rest, _ := strings.Cut(key[len(own):], "/"); part {
	case "revisions":
		return parseRevision(rest)
	case "overflow":
		return parseBeside(OverflowKey, rest, ".zst")
	case "meta":
		return parseBeside(MetaKey, rest, ".json")
	case "quarantine":
		return parseQuarantine(rest)
	case "exports":
		return parseExport(rest)
	case "erasures":
		h, err := parseHash(rest, ".json")
		return Name{Kind: ErasureKey, Hash: h}, err
	case "manifests":
		h, err := parseHash(rest, ".json")
		return Name{Kind: ManifestKey, Hash: h}, err
	case "holds":
		return parseHold(rest)
	}
	return Name{}, fmt.Errorf("logstow keeps nothing there")
}

// parseRevision reads <key>/<hash>.json.
func parseRevision(rest string) (Name, error) {
	i := strings.LastIndexByte(rest, '/')
	if i < 0 {
		return Name{}, fmt.Errorf("it is a revision of nothing")
	}
	n, err := parseRecord(rest[:i])
	if err != nil {
		return Name{}, err
	}
	n.Kind, n.Of = RevisionKey, rest[:i]
	if n.Hash, err = parseHash(rest[i+1:], ".json"); err != nil {
		return Name{}, err
	}
	return n, nil
}

// parseBeside reads <key><suffix>, where key is of a document, an event or a
// revision.
func parseBeside(kind Kind, rest, suffix string) (Name, error) {
	of, ok := strings.CutSuffix(rest, suffix)
	if !ok {
		return Name{}, fmt.Errorf("it does not end in %s", suffix)
	}
	var n Name
	var err error
	if r, ok := strings.CutPrefix(of, revisions); ok {
		n, err = parseRevision(r)
	} else {
		n, err = parseRecord(of)
	}
	if err != nil {
		return Name{}, err
	}
	n.Kind, n.Of = kind, of
	return n, nil
}

// parseQuarantine reads <hash>.zst or <hash>.json.
func parseQuarantine(rest string) (Name, error) {
	n := Name{Kind: QuarantineKey}
	suffix := ".zst"
	if strings.HasSuffix(rest, ".json") {
		n.Kind, suffix = QuarantineReasonKey, ".json"
	}
	var err error
	n.Hash, err = parseHash(rest, suffix)
	return n, err
}

// parseExport reads <id>/<attempt>.<extension>.
func parseExport(rest string) (Name, error) {
	id, name, _ := strings.Cut(rest, "/")
	number, extension, _ := strings.Cut(name, ".")
	attempt, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return Name{}, fmt.Errorf("its attempt %.40q is not a number", number)
	}
	switch again, err := Export(id, attempt, extension); {
	case err != nil:
		return Name{}, err
	case again != Exports+rest:
		return Name{}, fmt.Errorf("its attempt %.40q would be written %d", number, attempt)
	}
	return Name{Kind: ExportKey, ID: id, Attempt: attempt, Extension: extension}, nil
}

// parseHold reads <id>.json or <id>.released.json.
func parseHold(rest string) (Name, error) {
	n := Name{Kind: HoldKey}
	id, ok := strings.CutSuffix(rest, ".json")
	if of, released := strings.CutSuffix(id, ".released"); released {
		n.Kind, id = ReleaseKey, of
	}
	if !ok || !isHex(id, holdID) {
		return Name{}, fmt.Errorf("%q is not %d hex digits and .json or .released.json", rest, 2*holdID)
	}
	n.ID = id
	return n, nil
}

func parseHash(name, suffix string) (string, error) {
	h, ok := strings.CutSuffix(name, suffix)
	if !ok || !isHex(h, hashBytes) {
		return "", fmt.Errorf("%q is not %d hex digits and %s", name, 2*hashBytes, suffix)
	}
	return h, nil
}

// How many bytes an id in hex stands for, and how long an extension may be.
const (
	hashBytes    = 32
	exportID     = 16
	holdID       = 16
	maxExtension = 8
)

// isHex tells whether s is n bytes in lower-case hex.
func isHex(s string, n int) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == n && strings.ToLower(s) == s
}

func isExtension(s string) bool {
	return s != "" && len(s) <= maxExtension && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}
