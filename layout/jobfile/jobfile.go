// Package jobfile reads a record: whose job it is, what kind, when, its lines,
// and its capped form.
//
// A record is one JSON object as a platform delivered it, bare or in an
// envelope. Nothing here changes a byte of it except Rewrite (a chosen detail
// level) and Cap (the size limit). Memory is bounded whatever the record's
// size: only members that say who, what and when are held, and everything else
// is skipped by bytes.
package jobfile

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"time"
)

// Kind is what a record is about.
type Kind string

// The kinds of records. Every kind but Job is an event.
const (
	Job      Kind = "job"      // a finished run of a recipe, with its lines or without
	Activity Kind = "activity" // somebody did something in the workspace
	Log      Kind = "log"      // an entry of the platform's own logging service
	Genie    Kind = "genie"    // a step of an agent's conversation
)

// Kinds lists all kinds, in the order in which help texts name them.
func Kinds() []Kind { return []Kind{Job, Activity, Log, Genie} }

// Detail is how much of a job's record is kept.
type Detail string

// The levels of detail.
const (
	Full         Detail = "full"         // every byte as it came
	Deduplicated Detail = "deduplicated" // without what Workato removed as duplicate in September 2024
	StatusOnly   Detail = "status"       // without lines
)

// Details lists all levels, in the order in which help texts name them.
func Details() []Detail { return []Detail{Full, Deduplicated, StatusOnly} }

// MaxSize is the largest document ever written, in bytes: 40 MB, where MB is
// 1,000,000 bytes, so that a reader who counts in MiB finds it kept too.
const MaxSize = 40_000_000

// Fallback stands in place of the lines of a document that would have been
// larger than the limit. The text is Workato's (activity audit log reference).
const Fallback = "Log lines exceed size limit"

// UnknownStatus is the status of a job whose record has none.
const UnknownStatus = "unknown"

// Memory is a record that is wholly in memory. Readers of this package take
// any io.ReaderAt and are fastest with this one.
type Memory []byte

// ReadAt implements io.ReaderAt.
func (m Memory) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= int64(len(m)) {
		return 0, io.EOF
	}
	n := copy(p, m[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Span is the bytes from Start up to, not including, End.
type Span struct {
	Start, End int64
}

// Len is the number of bytes in the span.
func (s Span) Len() int64 { return s.End - s.Start }

// Info is what a record says of itself.
type Info struct {
	Kind     Kind
	Platform string // "workato", "talend", "apify", "virtuousai", "ion", or "custom" for a field map
	User     string
	Recipe   string // of an event: its type
	Job      string // of an event: its id, or the first 32 hex digits of InputHash
	Status   string // UnknownStatus where a job has none; empty for events

	Time        time.Time // names the day: completed, else the event's own, else started; UTC
	StartedAt   time.Time // zero where absent
	CompletedAt time.Time // zero where absent
	Title       string    // at most 4 KB of it, as are the next two
	Error       string
	ErrorType   string

	// Lines is where the lines are, a JSON value, and LineCount how many: the
	// elements of an array, the text lines of a string; -1 where there are
	// none or where they are the Fallback text.
	Lines     Span
	LineCount int64

	// InputHash is the SHA-256 of the inner record's bytes as received.
	InputHash [sha256.Size]byte

	shape  *shape
	name   string       // of the envelope's member that holds the record; empty for a bare one
	inner  Span         // the record within its envelope
	spans  []Span       // all the places where lines are
	copies []textMember // members of the envelope that repeat the record as text

	// text tells that the envelope holds the record as a JSON string; within
	// are then the places of its lines in what that string says.
	text   bool
	within []Span
}

// Bare tells whether the record, of that many bytes, has neither an envelope
// nor white space around it: InputHash is then the SHA-256 of all of it.
func (i Info) Bare(size int64) bool { return i.inner == Span{0, size} }

// textMember is a member of an envelope whose value is a JSON string.
type textMember struct {
	name string
	span Span
}

// Error says why a record can't be archived. Its Offset is that of the byte
// where the reason shows, in the record.
type Error struct {
	Offset int64
	Reason string
}

// Error gives the reason and the place.
func (e *Error) Error() string {
	return fmt.Sprintf("%s (byte %d of the record)", e.Reason, e.Offset)
}

// Fields says where a system's records have what logstow needs: the path of a
// member, its names joined by dots ("account.id"). JobID, UserID (unless the
// reader has a user of its own), RecipeID and one of the times are required.
type Fields struct {
	UserID      string `yaml:"user_id"`
	RecipeID    string `yaml:"recipe_id"`
	JobID       string `yaml:"job_id"`
	Status      string `yaml:"status"`
	StartedAt   string `yaml:"started_at"`
	CompletedAt string `yaml:"completed_at"`
	Title       string `yaml:"title"`
	Error       string `yaml:"error"`
	Lines       string `yaml:"lines"`
}

// checkLines refuses lines that hold what names a record, or lie in it: left
// out, they would take it along. user is the reader's own.
func (f *Fields) checkLines(user string) error {
	within := func(path, other string) bool {
		return path == other || strings.HasPrefix(path, other+".")
	}
	for _, named := range []struct{ key, path string }{
		{"user_id", f.UserID},
		{"recipe_id", f.RecipeID},
		{"job_id", f.JobID},
		{"status", f.Status},
		{"started_at", f.StartedAt},
		{"completed_at", f.CompletedAt},
	} {
		if f.Lines == "" || named.path == "" || named.key == "user_id" && user != "" {
			continue
		}
		if within(named.path, f.Lines) || within(f.Lines, named.path) {
			return fmt.Errorf("field map: lines (%s) and %s (%s) are not apart", f.Lines, named.key, named.path)
		}
	}
	return nil
}

// Config says how records are to be read. The zero Config reads the built-in
// platforms.
type Config struct {
	// Fields, where not nil, is the only shape that is read.
	Fields *Fields

	// User, where not empty, is the user of every record, whatever it says.
	User string

	// NoHash leaves Info.InputHash zero, except where a record without an id of
	// its own gets its id from it: for bytes that were compared already.
	NoHash bool
}

// ParseKind returns the kind called name.
func ParseKind(name string) (Kind, error) {
	var names []string
	for _, k := range Kinds() {
		if string(k) == name {
			return k, nil
		}
		names = append(names, string(k))
	}
	return "", fmt.Errorf("unknown type %q: use one of %s", name, strings.Join(names, ", "))
}
