package filesource

import (
	"context"
	"io"
	"io/fs"
)

const (
	// blocks is how many blocks of a decompressed stream are in memory beside
	// its window.
	blocks = 4

	// firstBlock is the size of the first, since most compressed files are
	// small. The others are as large as the window.
	firstBlock = 32 << 10
)

// ahead reads a stream in a goroutine of its own, up to a few blocks further
// than its reader is. It begins with the first Read, and must be closed.
type ahead struct {
	src   io.Reader
	eager bool // more may be long in coming: hand over whatever there is

	full chan block
	free chan []byte // nil is a block that has not been made yet
	quit chan struct{}
	done chan struct{} // closed where the goroutine has ended; nil before it began

	now  []byte // the block that is being read
	rest []byte // of it
	err  error
}

// block is a part of a stream, and what ended the stream after it.
type block struct {
	buf []byte
	n   int
	err error
}

func newAhead(src io.Reader, eager bool) *ahead {
	a := &ahead{
		src: src, eager: eager,
		full: make(chan block, blocks), free: make(chan []byte, blocks), quit: make(chan struct{}),
	}
	for range blocks {
		a.free <- nil
	}
	return a
}

// Read returns the bytes of the stream in their order, and its error after all
// of them. Where it isn't eager it fills p, so that few records lie across the
// end of what was read.
func (a *ahead) Read(p []byte) (n int, err error) {
	if a.done == nil && a.err == nil {
		a.done = make(chan struct{})
		go a.run()
	}
	for n < len(p) {
		if len(a.rest) > 0 {
			m := copy(p[n:], a.rest)
			a.rest, n = a.rest[m:], n+m
			continue
		}
		if a.err != nil || a.eager && n > 0 {
			break
		}
		a.next()
	}
	if n > 0 {
		return n, nil
	}
	return 0, a.err
}

// next gives back the block that has been read and waits for the one after it.
func (a *ahead) next() {
	if a.now != nil {
		a.free <- a.now
	}
	b := <-a.full
	a.now, a.rest, a.err = b.buf, b.buf[:b.n], b.err
}

// close returns when the stream is not read any more. A Read of it that waits
// must have been ended by the caller.
func (a *ahead) close() {
	close(a.quit)
	if a.done != nil {
		<-a.done
	}
	a.now, a.rest, a.err = nil, nil, fs.ErrClosed
}

// run reads until the stream ends or is closed. There are only so many blocks
// that sending one never waits.
func (a *ahead) run() {
	defer close(a.done)
	for size := firstBlock; ; size = windowSize {
		var buf []byte
		select {
		case buf = <-a.free:
		case <-a.quit:
			return
		}
		if buf == nil {
			buf = make([]byte, size)
		}
		n, err := a.fill(buf)
		a.full <- block{buf, n, err}
		if err != nil {
			return
		}
	}
}

// fill reads the stream into buf.
func (a *ahead) fill(buf []byte) (n int, err error) {
	for idle := 0; idle < 100; idle++ {
		select {
		case <-a.quit:
			return n, fs.ErrClosed
		default:
		}
		m, err := a.src.Read(buf[n:])
		n += m
		if err != nil || n == len(buf) || a.eager && n > 0 {
			return n, err
		}
		if m > 0 {
			idle = 0
		}
	}
	return n, io.ErrNoProgress
}

// interruptible reads r until ctx ends.
type interruptible struct {
	ctx context.Context // of the one stream that it belongs to
	r   io.Reader
}

func (i interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}
