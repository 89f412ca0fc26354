package archive

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"sync"

	"github.com/klauspost/compress/zstd"

	"logstow/archive/store"
	"logstow/layout/jobfile"
)

// spoolMemory is how much of a spool is kept in memory before it becomes a
// temporary file.
const spoolMemory = 1 << 20

// errTooLarge says that more was written to a spool than its limit.
var errTooLarge = errors.New("larger than the limit")

// spool collects bytes on their way into the store and sums them as they come.
// Small ones stay in memory, large ones go to a file that has no name.
type spool struct {
	limit int64 // bytes; 0: none
	size  int64
	buf   []byte
	file  *os.File
	sha   hash.Hash
	crc   uint32
}

func newSpool(limit int64) *spool { return &spool{limit: limit, sha: sha256.New()} }

func (s *spool) Write(p []byte) (int, error) {
	if s.limit > 0 && s.size+int64(len(p)) > s.limit {
		return 0, errTooLarge
	}
	if s.file == nil && s.size+int64(len(p)) > spoolMemory {
		if err := s.toFile(); err != nil {
			return 0, err
		}
	}
	if s.file == nil {
		s.buf = append(s.buf, p...)
	} else if _, err := s.file.Write(p); err != nil {
		return 0, fmt.Errorf("write temporary file: %w", err)
	}
	s.size += int64(len(p))
	s.sha.Write(p)
	s.crc = crc32.Update(s.crc, store.Castagnoli, p)
	return len(p), nil
}

func (s *spool) toFile() error {
	f, err := os.CreateTemp("", "logstow-*")
	if err != nil {
		return fmt.Errorf("create temporary file: %w", err)
	}
	s.file = f
	if err := os.Remove(f.Name()); err != nil {
		return fmt.Errorf("remove the name of a temporary file: %w", err)
	}
	if _, err := f.Write(s.buf); err != nil {
		return fmt.Errorf("write temporary file: %w", err)
	}
	s.buf = nil
	return nil
}

// data reads what was written, until Close.
func (s *spool) data() io.ReaderAt {
	if s.file != nil {
		return s.file
	}
	return jobfile.Memory(s.buf)
}

// body is what was written, as the content of a Put.
func (s *spool) body() store.Body {
	b := store.Body{ReaderAt: s.data(), Size: s.size, CRC32C: s.crc}
	if s.file == nil {
		b.Memory = s.buf
	}
	s.sha.Sum(b.SHA256[:0])
	return b
}

// close gives the memory or the file back. The file has no name, so that
// closing it can't lose anything.
func (s *spool) close() {
	s.buf = nil
	if s.file != nil {
		_ = s.file.Close()
	}
}

// sums reads size bytes of data for what a Put must know of them.
func sums(data io.ReaderAt, size int64) (store.Body, error) {
	b := store.Body{ReaderAt: data, Size: size}
	if m, ok := data.(jobfile.Memory); ok {
		b.Memory = m
		b.CRC32C, b.SHA256 = crc32.Checksum(m, store.Castagnoli), sha256.Sum256(m)
		return b, nil
	}
	crc, sha := crc32.New(store.Castagnoli), sha256.New()
	n, err := io.Copy(io.MultiWriter(crc, sha), io.NewSectionReader(data, 0, size))
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return b, fmt.Errorf("read the record again: %w", err)
	}
	b.CRC32C = crc.Sum32()
	sha.Sum(b.SHA256[:0])
	return b, nil
}

// zstdWindow bounds what a compressed record needs of memory, for us and for
// whoever reads it.
const zstdWindow = 1 << 20

// encoders are used again, since one takes longer to make than most records to
// compress.
var encoders = sync.Pool{New: func() any {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow))
	if err != nil {
		panic(err) // of constants
	}
	return w
}}

// compress returns a spool of data, zstd-compressed. The result depends on
// nothing but the data.
func compress(data io.ReaderAt, size int64) (*spool, error) {
	s := newSpool(0)
	w := encoders.Get().(*zstd.Encoder)
	w.Reset(s)
	_, err := io.Copy(w, io.NewSectionReader(data, 0, size))
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("compress a record: %w", err)
	}
	w.Reset(nil)
	encoders.Put(w)
	return s, nil
}

// decompress copies what r holds, zstd-compressed, into a spool. More than limit
// bytes are errTooLarge.
func decompress(r io.Reader, limit int64) (*spool, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8*zstdWindow))
	if err != nil {
		return nil, fmt.Errorf("decompress a record: %w", err)
	}
	defer d.Close()
	s := newSpool(limit)
	if _, err := io.Copy(s, d); err != nil {
		s.close()
		return nil, fmt.Errorf("decompress a record: %w", err)
	}
	return s, nil
}
