package filesource

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxZstdWindow is the largest window of a zstd stream that is read: all levels
// of the zstd tool but --long and the highest --ultra ones stay below it.
const maxZstdWindow = 64 << 20

// input is an open file, or another stream.
type input struct {
	file *os.File
	info fs.FileInfo // nil for a stream that isn't a file

	compressed bool
	open       func(from int64) io.Reader // of the file's bytes, as they are on disk
	magic      []byte
	closers    []func()

	ctx       context.Context // of the one call of Records that it belongs to
	interrupt func()          // ends a read that waits; nil: reads don't wait
	stop      func()          // ends the decompressed stream; nil where there is none
}

// openFile opens a regular file. What is appended to it from now on is not
// read this time.
func openFile(ctx context.Context, path string) (*input, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	in := &input{file: f, info: info, ctx: ctx, closers: []func(){func() { _ = f.Close() }}}
	in.open = func(from int64) io.Reader { return io.NewSectionReader(f, from, max(0, info.Size()-from)) }
	in.magic = make([]byte, 4)
	n, err := in.file.ReadAt(in.magic, 0)
	if err != nil && err != io.EOF {
		in.close()
		return nil, err
	}
	in.magic = in.magic[:n]
	in.compressed = compression(in.magic) != nil
	return in, nil
}

// openStream reads r, from its start only.
func openStream(ctx context.Context, r io.Reader) (*input, error) {
	ctx, cancel := context.WithCancel(ctx)
	in := &input{ctx: ctx, interrupt: cancel}
	waiting := newWaitingReader(ctx, r)
	in.closers = append(in.closers, waiting.close, cancel)
	b := bufio.NewReaderSize(waiting, minRead)
	magic, err := b.Peek(4)
	if err != nil && err != io.EOF {
		in.close()
		return nil, err
	}
	in.magic = bytes.Clone(magic)
	in.compressed = compression(in.magic) != nil
	in.open = func(int64) io.Reader { return b }
	return in, nil
}

// stream reads the file from its start, decompressed. It ends the stream that
// was read before.
func (in *input) stream() io.Reader {
	start := compression(in.magic)
	if start == nil {
		return in.open(0)
	}
	in.end()
	ctx, cancel := context.WithCancel(in.ctx)
	d := &decompressor{raw: bufio.NewReaderSize(interruptible{ctx, in.open(0)}, minRead), start: start}
	a := newAhead(d, in.info == nil)
	in.stop = func() {
		cancel()
		if in.interrupt != nil {
			in.interrupt()
		}
		a.close()
		d.close()
	}
	return a
}

// end ends the decompressed stream.
func (in *input) end() {
	if in.stop != nil {
		in.stop()
		in.stop = nil
	}
}

func (in *input) close() {
	in.end()
	for i := len(in.closers) - 1; i >= 0; i-- {
		in.closers[i]()
	}
	in.closers = nil
}

// compression returns what decompresses a stream that begins with magic, nil
// where nothing has to.
func compression(magic []byte) func(io.Reader) (io.Reader, func(), error) {
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return openGzip
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return openZstd
	case len(magic) == 4 && magic[0]&0xf0 == 0x50 && bytes.Equal(magic[1:], []byte{0x2a, 0x4d, 0x18}):
		return openZstd // a frame to be skipped, as some tools put first
	}
	return nil
}

func openGzip(r io.Reader) (io.Reader, func(), error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, nil, err
	}
	return z, func() { _ = z.Close() }, nil
}

func openZstd(r io.Reader) (io.Reader, func(), error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxZstdWindow), zstd.WithDecoderMaxMemory(math.MaxInt64))
	if err != nil {
		return nil, nil, err
	}
	return z, z.Close, nil
}

// decompressor starts decompressing with the first Read, so that a damaged
// beginning is an error of reading like any other damage.
type decompressor struct {
	raw   io.Reader
	start func(io.Reader) (io.Reader, func(), error)
	r     io.Reader
	stop  func()
}

func (d *decompressor) Read(p []byte) (int, error) {
	if d.r == nil {
		r, stop, err := d.start(d.raw)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		d.r, d.stop = r, stop
	}
	return d.r.Read(p)
}

func (d *decompressor) close() {
	if d.stop != nil {
		d.stop()
	}
}

// waitingReader reads a stream that may have nothing to read for long, and
// stops waiting when ctx ends. The goroutine that reads then stays until the
// stream moves: a read can't be interrupted.
type waitingReader struct {
	ctx  context.Context // of the one call of Records that it belongs to
	want chan []byte
	got  chan result
	buf  []byte
	rest []byte
	err  error
}

type result struct {
	n   int
	err error
}

func newWaitingReader(ctx context.Context, r io.Reader) *waitingReader {
	w := &waitingReader{ctx: ctx, want: make(chan []byte), got: make(chan result, 1), buf: make([]byte, minRead)}
	go func() {
		for b := range w.want {
			n, err := r.Read(b)
			w.got <- result{n, err}
		}
	}()
	return w
}

func (w *waitingReader) Read(p []byte) (int, error) {
	if len(w.rest) == 0 && w.err == nil {
		select {
		case w.want <- w.buf:
		case <-w.ctx.Done():
			return 0, w.ctx.Err()
		}
		select {
		case got := <-w.got:
			w.rest, w.err = w.buf[:got.n], got.err
		case <-w.ctx.Done():
			w.err = w.ctx.Err()
		}
	}
	n := copy(p, w.rest)
	w.rest = w.rest[n:]
	if n > 0 {
		return n, nil
	}
	return 0, w.err
}

func (w *waitingReader) close() { close(w.want) }
