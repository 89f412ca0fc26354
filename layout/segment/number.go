package segment

import (
	"crypto/sha256"
	"fmt"
	"sort"
)

// At returns the document of the row of this number, which counts from 0, in one
// read of the page that holds it. It has the SHA-256 sum, which the caller knows
// from elsewhere, or it is ErrDamaged: the row is another, or damaged. A row that
// the segment doesn't have is ErrDamaged too.
func (r *Reader) At(row int64, sum [sha256.Size]byte) (doc []byte, err error) {
	defer guard(&err)
	at, err := r.place(row, colDocument)
	if err != nil {
		return nil, err
	}
	raw, err := r.read(at.span())
	if err != nil {
		return nil, fmt.Errorf("document of row %d: %w", row, err)
	}
	docs, err := r.documents(at.group, at.page, raw)
	if err != nil {
		return nil, fmt.Errorf("document of row %d: %w", row, err)
	}
	return at.document(docs, sum)
}

// Change returns Row.Change of the row of this number, in one read of the page
// that holds it. Nothing but a page's checksum tells that it is what was written:
// the caller compares what it says.
func (r *Reader) Change(row int64) (change []byte, err error) {
	defer guard(&err)
	at, err := r.place(row, colChange)
	if err != nil {
		return nil, err
	}
	raw, err := r.read(at.span())
	if err != nil {
		return nil, fmt.Errorf("change of row %d: %w", row, err)
	}
	n, plain, err := r.inflate(raw, maxRegion)
	if err != nil {
		return nil, fmt.Errorf("change of row %d: %w", row, err)
	}
	var v values
	if err := v.add(plain, schema()[colChange], n, at.rows); err != nil {
		return nil, fmt.Errorf("change of row %d: %w", row, err)
	}
	return append([]byte(nil), v.bytes(int(at.inPage))...), nil
}

// place is where a column of a row lies.
type place struct {
	row         int64 // in the segment
	group, page int
	inPage      int64 // which row of the page it is
	rows        int64 // that the page has
	chunk       *chunk
}

func (p place) span() span { return p.chunk.pages[p.page].span }

// place looks up where a column of a row lies.
func (r *Reader) place(row int64, column int) (place, error) {
	if row < 0 || row >= r.footer.rows {
		return place{}, fmt.Errorf("row %d is none of the segment's %d: %w", row, r.footer.rows, ErrDamaged)
	}
	group := sort.Search(len(r.starts), func(i int) bool { return r.starts[i] > row }) - 1
	g := &r.footer.groups[group]
	p := place{row: row, group: group, chunk: &g.chunks[column]}
	p.page = p.chunk.pageOf(row - r.starts[group])
	p.inPage = row - r.starts[group] - p.chunk.pages[p.page].row
	p.rows = p.chunk.rowsOf(p.page, g.rows)
	return p, nil
}

// pageOf is the page that has a row of the row group.
func (c *chunk) pageOf(row int64) int {
	return sort.Search(len(c.pages), func(i int) bool { return c.pages[i].row > row }) - 1
}

// document is the row's of those of its page.
func (p place) document(docs [][]byte, sum [sha256.Size]byte) ([]byte, error) {
	doc := docs[p.inPage]
	if got := sha256.Sum256(doc); got != sum {
		return nil, fmt.Errorf("document of row %d: it has %d bytes with the SHA-256 %x, not those with %x: %w", p.row, len(doc), got, sum, ErrDamaged)
	}
	return doc, nil
}
