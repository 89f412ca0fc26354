package filesource

import (
	"bytes"
	"cmp"

	"logstow/archive/source"
)

// patience is how many bytes may be read again after broken records, besides
// replayFactor times what was read; it keeps a hostile stream from being read
// over and over.
const (
	patience     = 64 << 20
	replayFactor = 8
)

// broken returns the failed value at start, up to the first line after its
// start where another record may begin.
func (f *framer) broken(offset int64, reason string) (piece, error) {
	find := finder{at: f.start, failed: offset, lines: f.at.lines}
	if f.at.array != noArray {
		find.array, find.any, find.indent = true, f.midway, f.indent
	}
	if f.replayed > patience+replayFactor*f.w.end() {
		find.min = offset
	}
	return f.resync(find, offset, reason)
}

// resync returns the bytes from start up to what find finds, or all that
// follow, as a broken piece. It is errIncomplete where all that follows seems
// to be still being written.
func (f *framer) resync(find finder, offset int64, reason string) (piece, error) {
	why := &source.BrokenError{Offset: offset, Reason: reason}
	furthest := f.w.offset()
	next, err := f.search(&find)
	if err != nil {
		return piece{}, err
	}
	if next < 0 {
		next = f.w.end()
		if growing, err := f.growing(next); !find.never && (err != nil || growing) {
			f.failed = why
			return piece{}, cmp.Or(err, errIncomplete)
		}
	}
	f.replayed += max(0, furthest-next)
	return f.split(next, why)
}

// growing tells whether the broken value that the stream ends in may be the
// beginning of a longer one: it begins like a record and does not end like one.
func (f *framer) growing(end int64) (bool, error) {
	if f.final {
		return false, nil
	}
	text, err := f.trim(end)
	if err != nil || text == f.start {
		return false, err
	}
	first, err := f.byteAt(f.start)
	if err != nil {
		return false, err
	}
	last, err := f.byteAt(text - 1)
	if err != nil {
		return false, err
	}
	return (first == '{' || first == '[') && last != '}' && last != ']', nil
}

// byteAt returns the byte at an offset from start on.
func (f *framer) byteAt(offset int64) (byte, error) {
	if f.spool == nil {
		return f.w.buf[offset-f.w.base], nil
	}
	b := make([]byte, 1)
	_, err := f.spool.section(f.start, f.spool.end).ReadAt(b, offset-f.start)
	return b[0], err
}

// search looks for a candidate from start on; -1 means that there is none.
func (f *framer) search(find *finder) (int64, error) {
	if f.spool == nil {
		f.w.back(f.start)
	} else if next, err := f.searchSpool(find); next >= 0 || err != nil {
		return next, err
	}
	for {
		b := f.w.unread()
		next := find.feed(b)
		f.w.pos += len(b)
		if next >= 0 {
			return next, nil
		}
		if ok, err := f.more(); err != nil || !ok {
			return -1, err
		}
	}
}

// searchSpool looks for a candidate in what has been read of the spooled value.
func (f *framer) searchSpool(find *finder) (int64, error) {
	f.w.back(f.spool.end)
	r := f.spool.section(f.start, f.spool.end)
	b := make([]byte, minRead)
	for off := int64(0); off < r.Size(); {
		n, err := r.ReadAt(b[:min(int64(len(b)), r.Size()-off)], off)
		if n == 0 {
			return -1, err
		}
		if next := find.feed(b[:n]); next >= 0 {
			return next, nil
		}
		off += int64(n)
	}
	return -1, nil
}

// split returns the bytes from start to next, and the stream goes on at next.
func (f *framer) split(next int64, why *source.BrokenError) (piece, error) {
	if f.spool != nil {
		if err := f.flush(next); err != nil {
			return piece{}, err
		}
	}
	if next >= f.w.base && (f.spool == nil || next-f.w.base >= min(hashed, next)) {
		f.w.back(next)
	} else if err := f.replay(next); err != nil {
		return piece{}, err
	}
	end, err := f.trim(next)
	if err != nil {
		return piece{}, err
	}
	p, err := f.take(end)
	p.broken = why
	return p, err
}

// replay makes the stream go on at next, which only the spool holds.
func (f *framer) replay(next int64) error {
	tail, err := f.spool.tail(next)
	if err != nil {
		return err
	}
	f.w.back(f.spool.end)
	f.spool.retain()
	r := &replayer{s: f.spool, r: f.spool.section(next, f.spool.end)}
	f.replays = append(f.replays, r)
	f.w.replay(r, next, tail)
	return nil
}

// trim returns where the bytes from start to end end without white space.
func (f *framer) trim(end int64) (int64, error) {
	b := make([]byte, 512)
	for end > f.start {
		n := min(int64(len(b)), end-f.start)
		if f.spool == nil {
			copy(b[:n], f.w.buf[end-n-f.w.base:end-f.w.base])
		} else if _, err := f.spool.section(f.start, end).ReadAt(b[:n], end-n-f.start); err != nil {
			return end, err
		}
		rest := bytes.TrimRight(b[:n], " \t\r\n")
		end -= n - int64(len(rest))
		if len(rest) > 0 {
			break
		}
	}
	return end, nil
}

// finder finds the first line after the start of a failed value where another
// record may begin, in bytes that are handed to it piecemeal from there on.
//
// A line that is wrong by itself, where records are lines, is followed by the
// next line; anything else by the next line that begins with '{'. In an array
// that line is indented as the failed one was.
type finder struct {
	at     int64 // in the stream, of the next byte
	failed int64 // where the value went wrong
	min    int64 // no line before this one
	never  bool  // nothing is a candidate
	lines  bool  // the records before were lines
	array  bool
	any    bool   // any white space may stand before '{'
	indent []byte // else exactly this

	begun       bool // the first line has
	past        bool // it has ended
	first, last byte // of the first line, without white space
	line        int64
	matched     int // of line's indent; -1: the line is none
}

// feed takes the next bytes. It returns the offset of a line, once there is one.
func (f *finder) feed(b []byte) int64 {
	defer func() { f.at += int64(len(b)) }()
	if f.never {
		return -1
	}
	for i := 0; i < len(b); {
		switch {
		case !f.past:
			i = f.firstLine(b, i)
			if f.past && f.follows() {
				return f.line
			}
		case f.matched < 0:
			i = f.endLine(b, i)
		default:
			if f.match(b[i]) && f.line >= f.min {
				return f.line
			}
			if b[i] == '\n' {
				f.line, f.matched = f.at+int64(i)+1, 0
			}
			i++
		}
	}
	return -1
}

// endLine passes the rest of a line.
func (f *finder) endLine(b []byte, i int) int {
	n := bytes.IndexByte(b[i:], '\n')
	if n < 0 {
		return len(b)
	}
	f.line, f.matched = f.at+int64(i+n)+1, 0
	return i + n + 1
}

// firstLine passes the first line and notes how it begins and ends.
func (f *finder) firstLine(b []byte, i int) int {
	if !f.begun {
		f.begun, f.first = true, b[i]
	}
	f.matched = -1
	end := f.endLine(b, i)
	if text := bytes.TrimRight(b[i:end], " \t\r\n"); len(text) > 0 {
		f.last = text[len(text)-1]
	}
	f.past = f.matched == 0
	return end
}

// follows tells whether the line after the first one is a candidate whatever
// it holds.
func (f *finder) follows() bool {
	alone := f.failed < f.line
	whole := f.first == '{' && f.last == '}'
	return !f.array && alone && (f.lines || whole) && f.line >= f.min
}

// match takes a byte at the start of a line, and tells whether a record begins
// there.
func (f *finder) match(c byte) bool {
	switch {
	case f.any && (c == ' ' || c == '\t'):
		return false
	case !f.any && f.matched < len(f.indent):
		if c == f.indent[f.matched] {
			f.matched++
			return false
		}
	case c == '{':
		return true
	}
	f.matched = -1
	return false
}
