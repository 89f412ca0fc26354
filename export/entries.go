package export

import (
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"logstow/layout/jobfile"
)

// Entries writes the lines of one record as JSON objects with the seven members
// that Talend's API gives: severity, logType, logTimestamp, logMessage,
// bundleName, bundleVersion and podName. All are always there; logTimestamp is
// a number, the rest are strings.
//
// Lines of other platforms have their event as logType, or else the record's
// kind; the recipe as bundleName; and of VirtuousAI the worker as podName.
type Entries struct {
	kind   []byte // the record's, as logType
	recipe []byte // as bundleName
	began  time.Time
	talend bool
	job    []byte // members that tell the job; empty where there is one only

	// Of the entry under way, whose pieces come one by one.
	open   bool
	bundle []byte // what follows its message
	rune   []byte // the message's last bytes, if they may be part of a rune
}

// The members of a line that its entry has, beside those that are uniform.
const (
	podName = iota
	logType
	bundleName
	bundleVersion
)

// entryMembers names these members in a platform's records.
func entryMembers(platform string) []string {
	switch platform {
	case "talend":
		return []string{podName: "podName", logType: "logType", bundleName: "bundleName", bundleVersion: "bundleVersion"}
	case "virtuousai":
		return []string{podName: "worker_id"}
	}
	return nil
}

// NewEntries returns what writes the lines of r.
func NewEntries(r *Record) *Entries {
	return &Entries{
		kind:   appendQuoted(nil, string(r.Info.Kind)),
		recipe: appendQuoted(nil, r.Info.Recipe),
		began:  r.began(),
		talend: r.Info.Platform == "talend",
	}
}

// namingJob makes every entry tell whose it is, in three more members.
func (e *Entries) namingJob(r *Record) *Entries {
	e.job = appendQuoted(append(e.job, `,"userId":`...), r.Info.User)
	e.job = appendQuoted(append(e.job, `,"recipeId":`...), r.Info.Recipe)
	e.job = appendQuoted(append(e.job, `,"jobId":`...), r.Info.Job)
	return e
}

// Append appends the entry of a line to dst. Of a line that comes in several
// pieces it appends a piece: the entry is whole after the one without More.
func (e *Entries) Append(dst []byte, l jobfile.Line) []byte {
	if !e.open {
		dst = e.begin(dst, l)
	}
	message := l.Message
	if len(e.rune) > 0 {
		message = append(e.rune, message...)
		e.rune = nil
	}
	if l.More {
		n := wholeRunes(message)
		e.rune = slices.Clone(message[n:])
		message = message[:n]
	}
	dst = appendInside(dst, message)
	e.open = l.More
	if e.open {
		return dst
	}
	dst = append(dst, e.bundle...)
	return append(append(dst, e.job...), '}')
}

// begin appends what comes before the message, and sets what comes after.
func (e *Entries) begin(dst []byte, l jobfile.Line) []byte {
	dst = append(dst, `{"severity":"`...)
	dst = append(dst, l.Level.String()...)
	dst = append(dst, `","logType":`...)
	switch {
	case e.talend:
		dst = member(dst, l, logType)
	case len(l.Event) > 0:
		dst = appendQuoted(dst, l.Event)
	default:
		dst = append(dst, e.kind...)
	}
	dst = append(dst, `,"logTimestamp":`...)
	at := l.Time
	if at.IsZero() {
		at = e.began
	}
	dst = strconv.AppendInt(dst, at.UnixMilli(), 10)
	dst = append(dst, `,"logMessage":"`...)

	e.bundle = e.appendBundle(e.bundle[:0], l)
	return dst
}

// appendBundle appends what comes after the message: what wrote the line, and
// where.
func (e *Entries) appendBundle(dst []byte, l jobfile.Line) []byte {
	dst = append(dst, `","bundleName":`...)
	if e.talend {
		dst = member(dst, l, bundleName)
		dst = append(dst, `,"bundleVersion":`...)
		dst = member(dst, l, bundleVersion)
	} else {
		dst = append(append(dst, e.recipe...), `,"bundleVersion":""`...)
	}
	return member(append(dst, `,"podName":`...), l, podName)
}

// member appends a member of the line as a string, which is empty where there
// is none.
func member(dst []byte, l jobfile.Line, i int) []byte {
	if i >= len(l.Members) {
		return append(dst, `""`...)
	}
	switch v := l.Members[i]; {
	case len(v) == 0 || string(v) == "null":
		return append(dst, `""`...)
	case v[0] == '"' && utf8.Valid(v):
		return append(dst, v...)
	default:
		return appendQuoted(dst, jobfile.AppendText(nil, v))
	}
}

// wholeRunes is how many bytes of text are there before a rune that may go on
// in what follows it.
func wholeRunes(text []byte) int {
	for n := max(0, len(text)-utf8.UTFMax+1); n < len(text); n++ {
		if utf8.RuneStart(text[n]) && !utf8.FullRune(text[n:]) {
			return n
		}
	}
	return len(text)
}
