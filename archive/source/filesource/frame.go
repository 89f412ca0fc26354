package filesource

import (
	"bytes"
	"errors"

	"logstow/archive/source"
	"logstow/layout/jobfile"
	"logstow/layout/jsonskip"
)

// errIncomplete tells that the stream ended inside a value.
var errIncomplete = errors.New("incomplete: the file ends inside the record")

// within tells where in a top-level array the stream is.
type within int

const (
	noArray within = iota
	opened         // after '[' or ',': an element comes
	element        // after an element: ',' or ']' comes
)

// place is what beside its offset must be known to go on in a stream.
type place struct {
	array within
	lines bool // the last record stood on one line, so records are likely lines
}

// piece is a record, or bytes that are not one, in the stream from start to end.
type piece struct {
	start, end int64
	broken     *source.BrokenError
	spool      *spool // where it is; nil: in the window
	scanned    bool   // the framer has what its reader said of it
}

// framer divides a stream into records. Nothing of the stream is left out of
// its pieces but white space and the punctuation of top-level arrays.
type framer struct {
	w         window
	m         jsonskip.Machine
	spoolSize int64
	tempDir   string

	reader *jobfile.Reader // nil: only ends are looked for
	info   jobfile.Info    // what it said of the last piece that was scanned
	bad    error

	at     place
	start  int64  // of the value that was read last, or where the stream ended
	before place  // the place at start
	indent []byte // in an array: what stands before start on its line
	midway bool   // in an array: it is not only white space, or too long

	final  bool                // what the stream ends in is not being written any more
	failed *source.BrokenError // why the value that the stream ends in is none

	spool    *spool // holds the bytes from start on, where they are many
	replays  []*replayer
	replayed int64 // bytes that were read again after broken records
}

// reset begins with w, which is at the given place of its stream.
func (f *framer) reset(at place) {
	f.drop()
	for _, r := range f.replays {
		r.close()
	}
	f.replays, f.replayed, f.at, f.final = nil, 0, at, false
	f.start, f.before = f.w.offset(), at
}

// drop lets go of the last piece.
func (f *framer) drop() {
	if f.spool != nil {
		f.spool.release()
		f.spool = nil
	}
}

// next returns the next piece, which is valid until the next call. The error
// is errIncomplete where the stream ends inside a value, else what ended the
// stream (io.EOF at its end) or kept the temporary file from being written.
// After one, start is where reading may go on another time.
func (f *framer) next() (piece, error) {
	f.drop()
	if f.w.offset() == 0 {
		if p, err := f.begin(); err != nil || p.broken != nil {
			return p, err
		}
	}
	err := f.skip()
	f.start, f.before = f.w.offset(), f.at
	if err != nil {
		return piece{}, err
	}
	if f.at.array != noArray {
		f.lookBack()
	}
	return f.value()
}

// begin passes a byte order mark. UTF-16 is one broken piece.
func (f *framer) begin() (piece, error) {
	for len(f.w.unread()) < 3 && f.w.more(0) {
		continue
	}
	b := f.w.unread()
	if bytes.HasPrefix(b, []byte("\xef\xbb\xbf")) {
		f.w.pos += 3
		return piece{}, nil
	}
	for _, mark := range []string{"\xff\xfe", "\xfe\xff", "{\x00", "\x00{", "[\x00", "\x00["} {
		if bytes.HasPrefix(b, []byte(mark)) {
			f.start, f.before = 0, f.at
			return f.resync(finder{never: true}, 0, "UTF-16 text (convert it to UTF-8)")
		}
	}
	return piece{}, nil
}

// skip passes white space and the punctuation of arrays.
func (f *framer) skip() error {
	open := int64(-1)
	for {
		b := f.w.unread()
		i := 0
		for i < len(b) && isSpace(b[i]) {
			i++
		}
		f.w.pos += i
		if i == len(b) {
			if f.w.more(f.w.offset()) {
				continue
			}
			if f.reopen(open) {
				f.m.Reset()
				return errIncomplete
			}
			return f.w.err
		}
		switch c := b[i]; {
		case c == '[' && f.at.array == noArray:
			open, f.at.array = f.w.offset(), opened
		case c == ']' && f.at.array != noArray:
			open, f.at.array = -1, noArray
		case c == ',' && f.at.array == element:
			f.at.array = opened
		case c != '{' && f.reopen(open):
			return nil
		default:
			return nil
		}
		f.w.pos++
	}
}

// reopen goes back to the bracket at open, as an array that doesn't begin with
// an object is read like any other value.
func (f *framer) reopen(open int64) bool {
	if open < 0 || f.w.offset()-open > hashed {
		return false
	}
	f.w.back(open)
	f.at.array = noArray
	return true
}

// lookBack sees what stands before the value on its line.
func (f *framer) lookBack() {
	b := f.w.tail(f.start)
	i := len(b)
	for i > 0 && (b[i-1] == ' ' || b[i-1] == '\t') {
		i--
	}
	lineStart := i > 0 && b[i-1] == '\n' || i == 0 && int64(len(b)) == f.start
	f.midway = !lineStart
	f.indent = append(f.indent[:0], b[i:]...)
}

// more reads on. Bytes from start on stay in the window until they are too
// many, then they go to the spool.
func (f *framer) more() (bool, error) {
	if f.w.err != nil {
		return false, nil //nolint:nilerr // it stays in the window
	}
	if f.spool == nil && f.w.offset()-f.start <= f.spoolSize {
		return f.w.more(f.start), nil
	}
	if err := f.flush(f.w.offset()); err != nil {
		return false, err
	}
	return f.w.more(f.w.offset()), nil
}

// flush brings the bytes from start to end into the spool.
func (f *framer) flush(end int64) error {
	if f.spool == nil {
		tail := f.w.tail(f.start)
		s, err := newSpool(f.tempDir, f.start-int64(len(tail)))
		if err != nil {
			return err
		}
		f.spool = s
		if _, err := s.Write(tail); err != nil {
			return err
		}
	}
	if end <= f.spool.end {
		return nil
	}
	_, err := f.spool.Write(f.w.buf[f.spool.end-f.w.base : end-f.w.base])
	return err
}

// take returns the bytes from start to end as a piece, and the place is after it.
func (f *framer) take(end int64) (piece, error) {
	if f.at.array != noArray {
		f.at.array = element
	}
	if f.spool == nil && end-f.start <= f.spoolSize {
		return piece{start: f.start, end: end}, nil
	}
	err := f.flush(end)
	return piece{start: f.start, end: end, spool: f.spool}, err
}

// tail returns the bytes before start that a cursor's hash covers.
func (f *framer) tail() ([]byte, error) {
	if f.spool != nil {
		return f.spool.tail(f.start)
	}
	return f.w.tail(f.start), nil
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
