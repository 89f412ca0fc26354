package segment

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// ErrVersion is what Open returns, wrapped, for a Parquet file that is not a
// segment, or one of a later version of logstow.
var ErrVersion = errors.New("not a segment that this version reads")

// TailBytes is how much of a file's end Open reads at first: all that it needs
// of a segment of some hundred MB.
const TailBytes = 512 << 10

// Bounds on what a file may claim.
const (
	maxTail   = 32 << 20 // bytes of filters, indexes and metadata
	maxRows   = 1 << 18  // in a row group; one has at least some hundred bytes beside its document
	maxRegion = 2 * (RestBytes + maxRest)
	zstdRatio = 1 << 15                      // at most: a block of 128 KiB takes four bytes
	maxPage   = maxInflated + maxInflated/64 // bytes in the file
)

// How Parquet numbers what segments use.
const (
	fixedKind = 7
	zstdCodec = 6
)

const magic = "PAR1"

// Reader reads a segment. It keeps the file's tail, and nothing else of it.
// Its methods may be called concurrently.
type Reader struct {
	*file
	src io.ReaderAt
}

// file is what is known of a segment once it is open.
type file struct {
	size   int64
	tail   []byte // the end of the file
	footer footer
	starts []int64 // of each row group, the number of its first row
	zstd   *zstd.Decoder
	name   *byte // another one for each file that is opened
}

// From returns a Reader of the same file that reads the rest of it from src: of
// whoever reads next, while the tail was read once.
func (r *Reader) From(src io.ReaderAt) *Reader { return &Reader{file: r.file, src: src} }

// Held is about how many bytes of memory the Reader takes.
func (r *Reader) Held() int64 {
	n := int64(len(r.tail))
	for i := range r.footer.groups {
		for j := range r.footer.groups[i].chunks {
			n += chunkHeld + pageHeld*int64(len(r.footer.groups[i].chunks[j].pages))
		}
	}
	return n
}

// What a chunk and one of its pages take in memory, in bytes.
const (
	chunkHeld = 200
	pageHeld  = 24
)

// Open reads the tail of a segment of that many bytes: in one read, or in two
// where it is longer than TailBytes. What isn't a segment is ErrVersion or
// ErrDamaged; an error of src is passed on.
func Open(src io.ReaderAt, size int64) (r *Reader, err error) {
	defer guard(&err)
	r = &Reader{src: src, file: &file{size: size, name: new(byte)}}
	if r.tail, err = r.read(span{max(0, size-TailBytes), min(size, TailBytes)}); err != nil {
		return nil, fmt.Errorf("read the end of a segment: %w", err)
	}
	if err := r.openTail(); err != nil {
		return nil, fmt.Errorf("read the end of a segment: %w", err)
	}
	r.zstd, err = newZstd()
	return r, err
}

// newZstd returns what inflates pages: into room of the size that a page has,
// and no more.
func newZstd() (*zstd.Decoder, error) {
	return zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true),
		zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxMemory(maxInflated),
	)
}

// Len is how many rows the segment has.
func (r *Reader) Len() int64 { return r.footer.rows }

// guard makes an error of a panic.
func guard(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("reading a segment panicked: %v: %w", p, ErrDamaged)
	}
}

// read returns a part of the file: from the tail where that has it, else by one
// read. Nothing is allocated that the file hasn't.
func (r *Reader) read(s span) ([]byte, error) {
	if s.at < 0 || s.size < 0 || s.size > r.size || s.at > r.size-s.size {
		return nil, fmt.Errorf("%d bytes at %d are not in a file of %d: %w", s.size, s.at, r.size, ErrDamaged)
	}
	if from := r.size - int64(len(r.tail)); s.at >= from {
		return r.tail[s.at-from : s.end()-from : s.end()-from], nil
	}
	b := make([]byte, s.size)
	n, err := r.src.ReadAt(b, s.at)
	switch {
	case n == len(b):
		return b, nil
	case err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("it ends at byte %d, not at %d: %w", s.at+int64(n), r.size, ErrDamaged)
	}
	return nil, fmt.Errorf("read %d bytes at %d: %w", s.size, s.at, err)
}

// openTail reads the footer, the filters' places and the pages' places.
func (r *Reader) openTail() error {
	end := len(r.tail)
	if r.size < int64(2*len(magic)+4) || string(r.tail[end-4:]) != magic {
		return fmt.Errorf("it doesn't end as a Parquet file: %w", ErrDamaged)
	}
	length := int64(binary.LittleEndian.Uint32(r.tail[end-8:]))
	at := r.size - 8 - length
	if at < int64(len(magic)) || length > maxTail {
		return fmt.Errorf("its metadata has %d bytes, the file %d: %w", length, r.size, ErrDamaged)
	}
	if err := r.extend(at); err != nil {
		return err
	}
	b, err := r.read(span{at, length})
	if err != nil {
		return err
	}
	if r.footer, err = readFooter(b); err != nil {
		return fmt.Errorf("%w: %w", err, ErrDamaged)
	}
	f := &r.footer
	if err := f.checkSchema(); err != nil {
		return err
	}
	start, err := f.tailStart(at)
	if err != nil {
		return err
	}
	if err := r.extend(start); err != nil {
		return err
	}
	if err := r.checkSeal(start, at); err != nil {
		return err
	}
	return r.openGroups(start)
}

// extend makes the tail begin at start, or before it.
func (r *Reader) extend(start int64) error {
	from := r.size - int64(len(r.tail))
	if start >= from {
		return nil
	}
	if start < 0 || r.size-start > maxTail {
		return fmt.Errorf("its end from byte %d on is larger than %d bytes: %w", start, maxTail, ErrDamaged)
	}
	head, err := r.read(span{start, from - start})
	if err != nil {
		return err
	}
	r.tail = append(head, r.tail...)
	return nil
}

// tailStart is where the filters and indexes begin, which end at the footer.
func (f *footer) tailStart(end int64) (int64, error) {
	start := end
	for _, g := range f.groups {
		for i := range g.chunks {
			c := &g.chunks[i]
			for _, s := range []span{c.bloom, c.offsets, c.bounds} {
				if s.at == 0 && s.size == 0 {
					continue
				}
				if s.at < int64(len(magic)) || s.size <= 0 || s.size > end || s.at > end-s.size {
					return 0, fmt.Errorf("an index of %d bytes at %d is not before its metadata at %d: %w", s.size, s.at, end, ErrDamaged)
				}
				start = min(start, s.at)
			}
		}
	}
	return start, nil
}

// checkSeal compares the tail with the hash of it that the footer has.
func (r *Reader) checkSeal(start, footerAt int64) error {
	tail, err := r.read(span{start, r.size - start})
	if err != nil {
		return err
	}
	f := &r.footer
	at := footerAt - start + int64(f.sealAt)
	if len(f.seal) != len(unsealed) || at < 0 || at+int64(len(unsealed)) > int64(len(tail)) {
		return fmt.Errorf("it has no hash of its end: %w", ErrDamaged)
	}
	h := sha256.New()
	h.Write(tail[:at])
	h.Write([]byte(unsealed))
	h.Write(tail[at+int64(len(unsealed)):])
	if sum := hex.EncodeToString(h.Sum(nil)); sum != f.seal {
		return fmt.Errorf("its end has the SHA-256 %s, not %.80q: %w", sum, f.seal, ErrDamaged)
	}
	return nil
}

// openGroups reads where pages are, and compares what the parts of the tail say.
// end is where the data ends.
func (r *Reader) openGroups(end int64) error {
	rows, indexes := int64(0), int64(0)
	all := schema()
	for i := range r.footer.groups {
		g := &r.footer.groups[i]
		if len(g.chunks) != columns || g.rows < 1 || g.rows > maxRows {
			return fmt.Errorf("row group %d has %d columns and %d rows: %w", i, len(g.chunks), g.rows, ErrDamaged)
		}
		r.starts = append(r.starts, rows)
		rows += g.rows
		for j := range g.chunks {
			// What is read once may not be there many times.
			if indexes += g.chunks[j].offsets.size; indexes > int64(len(r.tail)) {
				return fmt.Errorf("row group %d: its indexes are larger than all of its end: %w", i, ErrDamaged)
			}
			if err := r.openChunk(&g.chunks[j], all[j], g.rows, end); err != nil {
				return fmt.Errorf("row group %d, column %s: %w", i, all[j].name, err)
			}
		}
	}
	if rows != r.footer.rows || rows == 0 {
		return fmt.Errorf("its row groups have %d rows, not %d: %w", rows, r.footer.rows, ErrDamaged)
	}
	return nil
}

func (r *Reader) openChunk(c *chunk, col column, rows, end int64) error {
	switch {
	case c.codec != zstdCodec || c.dictionary != 0 || c.kind != int64(col.node().Type().Kind()):
		return fmt.Errorf("it is not written as segments are: %w", ErrDamaged)
	case c.offset < int64(len(magic)) || c.size < 1 || c.size > end || c.offset > end-c.size:
		return fmt.Errorf("%d bytes at %d are not before the end of the data at %d: %w", c.size, c.offset, end, ErrDamaged)
	case c.values < rows || c.values > rows && !col.list:
		return fmt.Errorf("it has %d values for %d rows: %w", c.values, rows, ErrDamaged)
	}
	b, err := r.read(c.offsets)
	if err != nil {
		return err
	}
	if c.pages, err = readPages(b); err != nil {
		return fmt.Errorf("%w: %w", err, ErrDamaged)
	}
	at, row := c.offset, int64(-1)
	for _, p := range c.pages {
		if p.at != at || p.size < 1 || p.size > maxPage || p.row <= row || row < 0 && p.row != 0 || p.row >= rows {
			return fmt.Errorf("its pages are not one after the other: %w", ErrDamaged)
		}
		at, row = p.end(), p.row
	}
	if row < 0 || at != c.offset+c.size {
		return fmt.Errorf("its pages end at %d, not at %d: %w", at, c.offset+c.size, ErrDamaged)
	}
	return nil
}

// rowsOf is how many rows a page of a chunk has.
func (c *chunk) rowsOf(page int, rows int64) int64 {
	if page+1 < len(c.pages) {
		rows = c.pages[page+1].row
	}
	return rows - c.pages[page].row
}

// between tells whether the statistics of a chunk allow the value.
func (c *chunk) between(value []byte) bool {
	return (c.low == nil || bytes.Compare(c.low, value) <= 0) && (c.high == nil || bytes.Compare(c.high, value) >= 0)
}
