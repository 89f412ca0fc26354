package segment

import (
	"fmt"
	"iter"
)

// aheadBytes is how much of the documents is read at once, unless one page has
// more.
const aheadBytes = 2 << 20

// Rows yields all rows in their order, without their documents. It holds one
// row group of them at a time. The first error ends it.
func (r *Reader) Rows() iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		c := cursor{reader: r}
		for {
			row, err := c.next()
			if row == nil && err == nil || !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// Documents yields, in their order, all rows that keep wants, with their
// documents; a nil keep wants all. It holds one row group without its documents
// and one page of documents at a time, and reads a page only where a document of
// it is wanted. The first error ends it.
func (r *Reader) Documents(keep func(*Row) bool) iter.Seq2[*Row, error] {
	return Merge(keep, r)
}

// cursor goes through a segment's rows.
type cursor struct {
	reader *Reader
	group  int // of rest, plus one
	rest   *rest
	row    int // in rest, of the next
	last   *Row

	ahead   []byte // of the file, from aheadAt on
	aheadAt int64
	page    int // of docs, plus one; 0 where there are none
	docs    [][]byte
}

// next returns the next row, nil after the last.
func (c *cursor) next() (row *Row, err error) {
	defer guard(&err)
	for c.rest == nil || c.row == int(c.rest.rows) {
		c.docs, c.page, c.ahead, c.rest = nil, 0, nil, nil
		if c.group == len(c.reader.footer.groups) {
			return nil, nil
		}
		if c.rest, err = c.reader.rest(c.group); err != nil {
			return nil, err
		}
		c.group, c.row = c.group+1, 0
	}
	if row, err = c.rest.row(c.row); err != nil {
		return nil, err
	}
	if c.last != nil && c.last.Compare(row) >= 0 {
		return nil, fmt.Errorf("%.200s doesn't come after %.200s: %w", row.Key, c.last.Key, ErrDamaged)
	}
	c.row, c.last = c.row+1, row
	return row, nil
}

// document fills in the document of the row that next returned last.
func (c *cursor) document() (err error) {
	defer guard(&err)
	group, at := c.group-1, int64(c.row-1)
	h := &c.reader.footer.groups[group].chunks[colDocument]
	page := max(c.page, 1)
	for page < len(h.pages) && h.pages[page].row <= at {
		page++
	}
	if page != c.page {
		c.docs = nil // before the next are made
		raw, err := c.raw(h.pages, page-1)
		if err == nil {
			c.docs, err = c.reader.documents(group, page-1, raw)
		}
		if err != nil {
			return fmt.Errorf("document of %.200s: %w", c.last.Key, err)
		}
		c.page = page
	}
	doc := c.docs[at-h.pages[page-1].row]
	if err := verify(c.last, doc); err != nil {
		return err
	}
	c.last.Document = doc
	return nil
}

// raw returns a page as it is in the file, and reads some ahead.
func (c *cursor) raw(pages []page, index int) ([]byte, error) {
	p := pages[index]
	if p.at < c.aheadAt || p.end() > c.aheadAt+int64(len(c.ahead)) {
		window := p.span
		for _, next := range pages[index+1:] {
			if window.size+next.size > aheadBytes {
				break
			}
			window.size += next.size
		}
		c.ahead = nil // before the next is made
		b, err := c.reader.read(window)
		if err != nil {
			return nil, err
		}
		c.ahead, c.aheadAt = b, window.at
	}
	return c.ahead[p.at-c.aheadAt : p.end()-c.aheadAt], nil
}

// drop lets go of a large page.
func (c *cursor) drop() {
	if len(c.docs) == 1 && len(c.docs[0]) > PageBytes {
		c.docs, c.page, c.ahead = nil, c.page-1, nil
	}
	c.last = c.last.bare()
}

// bare is the row without its document, for what outlives that.
func (r *Row) bare() *Row {
	b := *r
	b.Document = nil
	return &b
}
