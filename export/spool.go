package export

import (
	"fmt"
	"io"
	"os"

	"logstow/layout/jobfile"
)

// spoolMemory is how much of a spool is kept in memory before it becomes a
// temporary file.
const spoolMemory = 1 << 20

// spool collects bytes so that they can be read again. Few of them stay in
// memory, many go to a file that has no name.
type spool struct {
	dir  string // of the file
	size int64
	buf  []byte
	file *os.File
}

func newSpool(dir string) *spool { return &spool{dir: dir} }

// Write implements io.Writer.
func (s *spool) Write(p []byte) (int, error) {
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
	return len(p), nil
}

func (s *spool) toFile() error {
	f, err := os.CreateTemp(s.dir, "logstow-*")
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

// bytes reads what was written, until Close.
func (s *spool) bytes() io.ReaderAt {
	if s.file != nil {
		return s.file
	}
	return jobfile.Memory(s.buf)
}

// whole reads all that was written, until Close.
func (s *spool) whole() *io.SectionReader { return io.NewSectionReader(s.bytes(), 0, s.size) }

// Close gives the memory or the file back.
func (s *spool) Close() error {
	s.buf = nil
	if s.file == nil {
		return nil
	}
	if err := s.file.Close(); err != nil {
		return fmt.Errorf("close temporary file: %w", err)
	}
	return nil
}
