package segment

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// unsealed stands where the hash of the tail will be.
var unsealed = strings.Repeat("0", 2*sha256.Size)

// sealer passes a file on, but for its tail: that is held until it can be
// mended and its hash be written into it.
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

// seal writes the tail, whose metadata is m, with its hash.
func (s *sealer) seal(m *format.FileMetaData) error {
	tail, err := s.mend(m)
	if err != nil {
		return err
	}
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

// mend returns the tail without the column indexes of columns that have no
// bounds. Parquet-go writes bounds of "" for them, by which a query engine would
// skip pages that have what it looks for.
func (s *sealer) mend(m *format.FileMetaData) ([]byte, error) {
	old, all := s.tail.Bytes(), schema()
	part := func(at int64, size int32) []byte { return old[at-s.written : at-s.written+int64(size)] }
	first := &m.RowGroups[0].Columns[0]
	tail := bytes.Clone(old[:first.ColumnIndexOffset-s.written])
	for i := range m.RowGroups {
		for j := range m.RowGroups[i].Columns {
			c := &m.RowGroups[i].Columns[j]
			index := part(c.ColumnIndexOffset, c.ColumnIndexLength)
			c.ColumnIndexOffset = s.written + int64(len(tail))
			if !all[j].bounds {
				index, c.ColumnIndexOffset, c.ColumnIndexLength = nil, 0, 0
			}
			tail = append(tail, index...)
		}
	}
	for i := range m.RowGroups {
		for j := range m.RowGroups[i].Columns {
			c := &m.RowGroups[i].Columns[j]
			index := part(c.OffsetIndexOffset, c.OffsetIndexLength)
			c.OffsetIndexOffset = s.written + int64(len(tail))
			tail = append(tail, index...)
		}
	}
	footer, err := thrift.Marshal(&thrift.CompactProtocol{}, m)
	if err != nil {
		return nil, err
	}
	tail = append(tail, footer...)
	return append(binary.LittleEndian.AppendUint32(tail, uint32(len(footer))), magic...), nil
}
