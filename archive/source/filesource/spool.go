package filesource

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
)

// spool is a record too large for memory, in a temporary file that has no name.
// Before the record stand the bytes before it that a cursor's hash covers.
type spool struct {
	file *os.File
	base int64 // in the stream, of the file's first byte
	end  int64 // in the stream, after its last
	refs atomic.Int32
}

// newSpool makes a temporary file in dir, for bytes of the stream from base on.
func newSpool(dir string, base int64) (*spool, error) {
	f, err := os.CreateTemp(dir, ".logstow-*")
	if err != nil {
		return nil, fmt.Errorf("make temporary file for a large record: %w", err)
	}
	s := &spool{file: f, base: base, end: base}
	s.refs.Store(1)
	if err := os.Remove(f.Name()); err != nil {
		s.release()
		return nil, fmt.Errorf("unlink temporary file for a large record: %w", err)
	}
	return s, nil
}

func (s *spool) Write(b []byte) (int, error) {
	n, err := s.file.Write(b)
	s.end += int64(n)
	if err != nil {
		return n, fmt.Errorf("write temporary file for a large record: %w", err)
	}
	return n, nil
}

// section reads the stream's bytes between from and to.
func (s *spool) section(from, to int64) *io.SectionReader {
	return io.NewSectionReader(s.file, from-s.base, to-from)
}

// tail returns the bytes before offset that a cursor's hash covers.
func (s *spool) tail(offset int64) ([]byte, error) {
	b := make([]byte, min(hashed, offset-s.base))
	if _, err := s.file.ReadAt(b, offset-s.base-int64(len(b))); err != nil {
		return nil, fmt.Errorf("read temporary file of a large record: %w", err)
	}
	return b, nil
}

func (s *spool) retain() { s.refs.Add(1) }

// release gives up one use of the file; the last one closes it, by which its
// space is free again.
func (s *spool) release() {
	if s.refs.Add(-1) == 0 {
		_ = s.file.Close() // nothing in it is wanted any more
	}
}

// replayer reads a section of a spool and releases the spool at its end.
type replayer struct {
	s *spool
	r io.Reader
}

func (r *replayer) Read(p []byte) (int, error) {
	if r.s == nil {
		return 0, io.EOF
	}
	n, err := r.r.Read(p)
	if err == io.EOF {
		r.close()
	}
	return n, err
}

func (r *replayer) close() {
	if r.s != nil {
		r.s.release()
		r.s = nil
	}
}
