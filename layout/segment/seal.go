package segment

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
)

// unsealed stands where the hash of the tail will be.
var unsealed = strings.Repeat("0", 2*sha256.Size)

// sealer passes a file on, but for its tail: that is held until its hash can be
// written into it.
type sealer struct {
	w       *bufio.Writer
	written int64
	holding bool
	tail    bytes.Buffer
}

func newSealer(w io.Writer) *sealer { return &sealer{w: bufio.NewWriterSize(w, 64<<10)} }

// hold says that what comes from now on is the tail.
func (s *sealer) hold() { s.holding = true }

// Write implements io.Writer.
func (s *sealer) Write(p []byte) (int, error) {
	if s.holding {
		return s.tail.Write(p)
	}
	n, err := s.w.Write(p)
	s.written += int64(n)
	return n, err
}

// seal writes the tail with its hash.
func (s *sealer) seal() error {
	tail := s.tail.Bytes()
	// The metadata comes after everything that is made of rows.
	i := bytes.LastIndex(tail, []byte(unsealed))
	if i < 0 {
		return errors.New("there is no place for its hash")
	}
	sum := sha256.Sum256(tail)
	hex.Encode(tail[i:], sum[:])
	n, err := s.w.Write(tail)
	s.written += int64(n)
	if err != nil {
		return err
	}
	return s.w.Flush()
}
