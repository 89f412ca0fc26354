package segment

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Reseal makes the hash of a file's tail right, where the file has a place for
// it: what only the hash would find must be found otherwise too.
func Reseal(file []byte) []byte {
	file = bytes.Clone(file)
	n := int64(len(file))
	if n < 12 {
		return file
	}
	at := n - 8 - int64(binary.LittleEndian.Uint32(file[n-8:]))
	if at < 4 {
		return file
	}
	f, err := readFooter(file[at : n-8])
	if err != nil || len(f.seal) != len(unsealed) {
		return file
	}
	start, err := f.tailStart(at)
	if err != nil {
		return file
	}
	place := file[at+int64(f.sealAt):][:len(unsealed)]
	copy(place, unsealed)
	sum := sha256.Sum256(file[start:])
	hex.Encode(place, sum[:])
	return file
}

// AddPage reads what may be a page of a column, and everything it says of its
// rows. It is false where the page is refused.
func AddPage(plain []byte, col int, n, rows int64) bool {
	c := schema()[col%colDocument]
	var v values
	if v.add(plain, c, n, rows) != nil {
		return false
	}
	for i := range int(rows) {
		if c.list {
			v.list(i)
			continue
		}
		if b := v.bytes(i); len(b) == 8 {
			v.time(i)
		}
	}
	return true
}

// WriteUnchecked adds a row that may not be what it says.
func (w *Writer) WriteUnchecked(r *Row) error {
	w.count(r)
	return w.write(r, "")
}

// Inflate is what a page holds that has this body and claims these sizes.
func Inflate(body []byte, inflated, limit int64) ([]byte, error) {
	z, err := newZstd()
	if err != nil {
		return nil, err
	}
	h := format.PageHeader{
		UncompressedPageSize: int32(inflated), CompressedPageSize: int32(len(body)), CRC: int32(crc32.ChecksumIEEE(body)),
		DataPageHeader: thrift.New(format.DataPageHeader{NumValues: 1}),
	}
	raw, err := thrift.Marshal(&thrift.CompactProtocol{}, &h)
	if err != nil {
		return nil, err
	}
	_, plain, err := (&Reader{file: &file{zstd: z}}).inflate(append(raw, body...), limit)
	return plain, err
}

// Kept is how many inflated pages are kept, and how many bytes of both forms.
func (p *Pages) Kept() (number int, inflated, deflated int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.inflated.order.Len(), p.inflated.size, p.deflated.size
}
