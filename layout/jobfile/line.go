package jobfile

import (
	"errors"
	"io"
	"iter"
	"time"
)

// Level is how severe a line is. Levels are ordered: a threshold keeps those
// that are not below it.
type Level int8

// The levels, the least severe first. NoLevel is that of a line that tells
// none; a threshold treats it as Info.
const (
	NoLevel Level = iota
	Trace
	Debug
	InfoLevel
	Warn
	ErrorLevel
	Fatal
)

// Line is one entry of a record's log in a form that is the same for every
// platform: a Workato step, a Talend or VirtuousAI entry, a line of Apify's
// text. Its byte slices are valid until the next line is asked for.
type Line struct {
	Index   int64     // of the entry, from 0 in the record's own order
	Time    time.Time // UTC; zero where the line has none
	Level   Level
	Event   []byte // what happened, for machines: an event, an adapter's operation; may be empty
	Message []byte // for people; without a newline at its end
	Raw     []byte // as it stands in the record: a JSON value, or the line of a text with its time
	Text    bool   // Raw is the line of a text

	// Members are the values of those members of the entry that Lines was asked
	// for, in that order, as they stand in the record; nil for one that isn't
	// there, or that is too long to be held.
	Members [][]byte

	// More tells that the entry is too long to be held: the next Line has the
	// same Index, Time, Level and Event, and its Message and Raw go on where
	// these end. No Line holds more than MaxLine bytes of either, nor ends
	// inside a character.
	More bool
}

// MaxLine is how many bytes of one message or of its raw form a Line holds.
const MaxLine = 1 << 20

// Lines yields the entries of a record that Read has read as info, in the
// record's order, in memory that grows with neither the record nor an entry.
// A record without lines of its own yields none, except that an event and an
// ION run yield the one that they are. An error, an *Error or data's own, ends
// it. Each line also has the members called members.
func (r *Reader) Lines(data io.ReaderAt, size int64, info Info, members ...string) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		window := r.windows.Get().(*[windowSize]byte)
		defer r.windows.Put(window)

		l := &lister{
			place: place{data: data, size: size, text: info.text, inner: info.inner},
			entry: entry{form: formOf(&info).with(members)},
			yield: yield,
		}
		l.members = make([][]byte, len(members))
		l.parts = make([]part, len(l.form.names))
		if err := l.list(&info, window[:]); err != nil && !errors.Is(err, errEnough) {
			yield(Line{}, err)
		}
	}
}
