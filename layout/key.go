package layout

import (
	"fmt"
	"strings"
	"time"
)

const (
	dayFormat  = "20060102"
	timeFormat = "20060102150405"
)

// Document is what the key of a job's document says.
type Document struct {
	User, Recipe, Job string
	Time              time.Time // to the second
	Status            string
}

// Key returns where the document is stored. An error says which part can't be
// in a key and why; such a record is to be quarantined.
func (d Document) Key() (string, error) {
	status, err := encode("status", d.Status)
	if err != nil {
		return "", err
	}
	return build("jobs", "recipe", "job", d.User, d.Recipe, d.Job, d.Time, "-"+status)
}

// Event is what the key of an event says.
type Event struct {
	User, Type, ID string
	Time           time.Time // to the second
}

// Key returns where the event is stored. An error says which part can't be in
// a key and why; such a record is to be quarantined.
func (e Event) Key() (string, error) {
	return build("events", "type", "event id", e.User, e.Type, e.ID, e.Time, "")
}

// build joins what documents and events have in common: the same three ids in
// the path and in the name. tail is what the name has after its time.
func build(folder, whatGroup, whatID, user, group, id string, t time.Time, tail string) (string, error) {
	u, err := encode("user", user)
	if err != nil {
		return "", err
	}
	g, err := encode(whatGroup, group)
	if err != nil {
		return "", err
	}
	i, err := encode(whatID, id)
	if err != nil {
		return "", err
	}
	t = t.UTC()
	if y := t.Year(); y < 1 || y > 9999 {
		return "", fmt.Errorf("time %v has no year of four digits", t)
	}
	stamp := t.Format(timeFormat)
	name := u + "-" + g + "-" + i + "-" + stamp + tail + ".json"
	if len(name) > maxName {
		return "", fmt.Errorf("file name %.40q… has %d bytes, more than %d", name, len(name), maxName)
	}
	key := u + "/" + folder + "/" + g + "/" + stamp[:len(dayFormat)] + "/" + i + "/" + name
	if len(key) > maxKey {
		return "", fmt.Errorf("key %.40q… has %d bytes, more than %d", key, len(key), maxKey)
	}
	return key, nil
}

// parseRecord reads the key of a document or an event, ours or an older form.
func parseRecord(key string) (Name, error) {
	if len(key) > maxKey {
		return Name{}, fmt.Errorf("it has %d bytes, more than %d", len(key), maxKey)
	}
	s := strings.Split(key, "/")
	if len(s) < 6 {
		return Name{}, fmt.Errorf("it has %d parts, not 6", len(s))
	}
	user, folder, group, day, ids, name := s[0], s[1], s[2], s[3], s[4:len(s)-1], s[len(s)-1]
	n := Name{Kind: DocumentKey, Literal: len(ids) > 1}
	whatGroup, whatID := "recipe", "job"
	switch folder {
	case "jobs":
	case "events":
		n.Kind, whatGroup, whatID = EventKey, "type", "event id"
	default:
		return Name{}, fmt.Errorf("its second part is %q, not jobs or events", folder)
	}
	id, err := joinID(n.Kind, ids)
	if err != nil {
		return Name{}, err
	}
	if n.User, err = decode("user", user); err != nil {
		return Name{}, err
	}
	if n.Group, err = decode(whatGroup, group); err != nil {
		return Name{}, err
	}
	if n.ID, err = decode(whatID, id); err != nil {
		return Name{}, err
	}
	prefix := user + "-" + group + "-" + id + "-"
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return Name{}, fmt.Errorf("its name does not begin with %q", prefix)
	}
	if len(name) > maxName {
		return Name{}, fmt.Errorf("its name has %d bytes, more than %d", len(name), maxName)
	}
	if rest, ok = strings.CutSuffix(rest, ".json"); !ok {
		return Name{}, fmt.Errorf("its name does not end in .json")
	}
	stamp, status, hasStatus := strings.Cut(rest, "-")
	if hasStatus != (n.Kind == DocumentKey) {
		return Name{}, fmt.Errorf("its name ends in %q", rest)
	}
	if hasStatus {
		if n.Status, err = decode("status", status); err != nil {
			return Name{}, err
		}
	}
	return n, n.setTime(day, stamp)
}

// joinID returns the id that stands in the parts of a path: one, or seven of
// three digits each that are a number of 21 digits.
func joinID(kind Kind, parts []string) (string, error) {
	if len(parts) == 1 {
		return parts[0], nil
	}
	long := strings.Join(parts, "")
	if kind != DocumentKey || len(parts) != 7 || len(long) != 21 {
		return "", fmt.Errorf("it has %d parts", len(parts)+5)
	}
	for i, p := range parts {
		if len(p) != 3 || strings.Trim(p, "0123456789") != "" {
			return "", fmt.Errorf("part %d of its job id is %q, not three digits", i+1, p)
		}
	}
	if id := strings.TrimLeft(long, "0"); id != "" {
		return id, nil
	}
	return "0", nil
}

// setTime reads the day of the path and the time of the name, which has 14
// digits in our keys and may have 8 in others'.
func (n *Name) setTime(day, stamp string) error {
	d, err := time.Parse(dayFormat, day)
	if err != nil {
		return fmt.Errorf("its day %q is not YYYYMMDD", day)
	}
	switch len(stamp) {
	case len(timeFormat):
		n.Time, err = time.Parse(timeFormat, stamp)
	case len(dayFormat):
		n.Literal = true
		n.Time, err = time.Parse(dayFormat, stamp)
	default:
		err = fmt.Errorf("it has %d digits", len(stamp))
	}
	if err != nil || n.Time.Year() < 1 {
		return fmt.Errorf("its time %q is neither YYYYMMDDHHMMSS nor YYYYMMDD", stamp)
	}
	switch apart := n.Time.Truncate(24 * time.Hour).Sub(d); {
	case apart == 0:
	case apart.Abs() == 24*time.Hour:
		n.Literal = true
	default:
		return fmt.Errorf("its time %s is not of its day %s", stamp, day)
	}
	return nil
}
