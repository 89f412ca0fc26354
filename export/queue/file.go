package queue

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"

	"logstow/archive/store"
)

// errTooLarge says that an export is larger than a file may be.
var errTooLarge = errors.New("larger than a file may be")

// file is what an export is written to before it goes into the store: a
// temporary file without a name, so that a killed process leaves none, or an
// empty one where it was about to lose its name, summed as it is written.
type file struct {
	ended func() error // why nothing more is to be written; nil: it goes on
	limit int64
	f     *os.File
	buf   *bufio.Writer // keeps the first error
	size  int64
	sha   hash.Hash
	crc   uint32
}

// fileBuffer gathers small writes.
const fileBuffer = 64 << 10

// writeFile lets write fill a temporary file in dir of at most limit bytes. After
// ctx ends the file takes nothing more.
func writeFile(ctx context.Context, dir string, limit int64, write func(io.Writer) error) (_ *file, err error) {
	f, err := os.CreateTemp(dir, "logstow-export-*")
	if err != nil {
		return nil, fmt.Errorf("create a temporary file: %w", err)
	}
	w := &file{ended: func() error { return context.Cause(ctx) }, limit: limit, f: f, sha: sha256.New()}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if err := os.Remove(f.Name()); err != nil {
		return nil, fmt.Errorf("remove the name of a temporary file: %w", err)
	}
	w.buf = bufio.NewWriterSize((*sums)(w), fileBuffer)
	if err := write(w.buf); err != nil {
		return nil, errors.Join(err, w.buf.Flush()) // which says what writing fails of
	}
	return w, w.buf.Flush()
}

// sums is the end of a file that is written to.
type sums file

func (s *sums) Write(p []byte) (n int, err error) {
	if err := s.ended(); err != nil {
		return 0, err
	}
	if s.size+int64(len(p)) > s.limit {
		return 0, errTooLarge
	}
	n, err = s.f.Write(p)
	s.size += int64(n)
	s.sha.Write(p[:n])
	s.crc = crc32.Update(s.crc, store.Castagnoli, p[:n])
	if err != nil {
		return n, fmt.Errorf("write a temporary file: %w", err)
	}
	return n, nil
}

// body is the file as the content of a Put, until close.
func (w *file) body() store.Body {
	b := store.Body{ReaderAt: w.f, Size: w.size, CRC32C: w.crc}
	w.sha.Sum(b.SHA256[:0])
	return b
}

// close gives the file back. It has no name, so that closing it can't lose
// anything.
func (w *file) close() { _ = w.f.Close() }
