package web

import (
	"bytes"
	"io"
	"os"
)

// spoolMemory is how many bytes of a page are held in memory.
const spoolMemory = 4 << 20

// spool holds what is written to it until it is read, in memory or, beyond
// spoolMemory, in a temporary file that has no name any more.
type spool struct {
	memory bytes.Buffer
	file   *os.File
	size   int64
}

// Write implements io.Writer.
func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil && s.memory.Len()+len(p) <= spoolMemory {
		n, err := s.memory.Write(p)
		s.size += int64(n)
		return n, err
	}
	if s.file == nil {
		if err := s.toFile(); err != nil {
			return 0, err
		}
	}
	n, err := s.file.Write(p)
	s.size += int64(n)
	return n, err
}

func (s *spool) toFile() error {
	f, err := os.CreateTemp("", "logstow-page-*")
	if err != nil {
		return err
	}
	s.file = f
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	_, err = f.Write(s.memory.Bytes())
	s.memory.Reset()
	return err
}

// part returns what lies from start up to end.
func (s *spool) part(start, end int64) io.Reader {
	if s.file == nil {
		return bytes.NewReader(s.memory.Bytes()[start:end])
	}
	return io.NewSectionReader(s.file, start, end-start)
}

// Close gives back the file.
func (s *spool) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
