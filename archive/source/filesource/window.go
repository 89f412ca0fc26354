package filesource

import (
	"io"
	"slices"
)

const (
	// hashed is how many bytes at the start of a stream, and before an offset,
	// a cursor's hashes cover.
	hashed = 4 << 10

	windowSize = 256 << 10
	largeSize  = 4 * windowSize // is not kept for what needs less
	minRead    = 64 << 10
)

// window is the part of a stream that is in memory. Behind what is still
// wanted it keeps as many bytes as a cursor's hash covers.
type window struct {
	src  io.Reader
	err  error // src's; io.EOF at its end
	buf  []byte
	base int64 // in the stream, of buf[0]
	pos  int   // buf[pos:] is unread

	head []byte // the stream's first bytes, at most hashed

	// marks are offsets, ascending, where the hash of the bytes before is
	// wanted; passed is called for each with these bytes.
	marks  []int64
	passed func(offset int64, tail []byte)
}

// reset starts on a stream at its beginning, keeping the buffer.
func (w *window) reset(src io.Reader) {
	buf := w.buf[:0]
	if cap(buf) == 0 || cap(buf) > largeSize {
		buf = make([]byte, 0, windowSize)
	}
	*w = window{src: src, buf: buf, head: w.head[:0]}
}

// resume starts on a stream in its middle: src goes on where tail, the bytes
// before offset, ended.
func (w *window) resume(src io.Reader, offset int64, head, tail []byte) {
	w.reset(src)
	w.head = append(w.head, head...)
	w.buf = append(w.buf, tail...)
	w.pos, w.base = len(tail), offset-int64(len(tail))
}

func (w *window) offset() int64  { return w.base + int64(w.pos) }
func (w *window) end() int64     { return w.base + int64(len(w.buf)) }
func (w *window) unread() []byte { return w.buf[w.pos:] }

// since returns the bytes from offset on that have been read.
func (w *window) since(offset int64) []byte { return w.buf[offset-w.base : w.pos] }

// tail returns the bytes before offset that a cursor's hash covers.
func (w *window) tail(offset int64) []byte {
	to := int(offset - w.base)
	return w.buf[max(0, to-hashed):to]
}

// back makes the bytes from offset on unread again.
func (w *window) back(offset int64) { w.pos = int(offset - w.base) }

// more reads on, keeping the bytes from keep on. It returns false at the
// stream's end or error, which is then in err.
func (w *window) more(keep int64) bool {
	if w.err != nil {
		return false
	}
	w.room(max(0, int(keep-w.base)-hashed))
	for range 100 {
		n, err := w.src.Read(w.buf[len(w.buf):min(cap(w.buf), len(w.buf)+windowSize)])
		if n > 0 {
			w.buf = w.buf[:len(w.buf)+n]
			w.fresh(n)
		}
		w.err = err
		if n > 0 {
			return true
		}
		if err != nil {
			return false
		}
	}
	w.err = io.ErrNoProgress
	return false
}

// room makes place for reading, dropping at most the first n bytes.
func (w *window) room(n int) {
	if cap(w.buf)-len(w.buf) >= minRead {
		return
	}
	kept := len(w.buf) - n
	switch {
	case cap(w.buf) > largeSize && kept <= windowSize/2:
		w.buf = append(make([]byte, 0, windowSize), w.buf[n:]...)
	case cap(w.buf)-kept >= minRead && kept <= cap(w.buf)/2:
		copy(w.buf[:kept], w.buf[n:])
		w.buf = w.buf[:kept]
	default:
		w.buf = append(make([]byte, 0, 2*cap(w.buf)), w.buf[n:]...)
	}
	w.base += int64(n)
	w.pos -= n
}

// fresh notes the n bytes that were just read.
func (w *window) fresh(n int) {
	from := w.end() - int64(n)
	if from == int64(len(w.head)) && from < hashed {
		b := w.buf[len(w.buf)-n:]
		w.head = append(w.head, b[:min(len(b), hashed-len(w.head))]...)
	}
	for len(w.marks) > 0 && w.marks[0] <= w.end() {
		if m := w.marks[0]; m >= from {
			w.passed(m, w.tail(m))
		}
		w.marks = w.marks[1:]
	}
}

// replay puts bytes that have left the window before what it holds unread:
// first reads them, from offset on, and tail is what came before offset.
func (w *window) replay(first io.Reader, offset int64, tail []byte) {
	rest := slices.Clone(w.unread())
	srcs := []io.Reader{first, &memory{b: rest}}
	if w.err == nil {
		srcs = append(srcs, w.src)
	} else {
		srcs = append(srcs, &memory{err: w.err})
	}
	w.src, w.err = io.MultiReader(srcs...), nil
	w.buf = append(w.buf[:0], tail...)
	w.pos, w.base = len(tail), offset-int64(len(tail))
}

// memory reads b, and then fails with err, or io.EOF where that is nil.
type memory struct {
	b   []byte
	err error
}

func (m *memory) Read(p []byte) (int, error) {
	n := copy(p, m.b)
	m.b = m.b[n:]
	switch {
	case n > 0:
		return n, nil
	case m.err != nil:
		return 0, m.err
	default:
		return 0, io.EOF
	}
}
