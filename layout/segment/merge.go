package segment

import (
	"container/heap"
	"errors"
	"fmt"
	"iter"
)

// ErrConflict is what Merge yields, wrapped, where two segments have different
// documents of one key.
var ErrConflict = errors.New("different documents of one key")

// Merge yields the rows of all segments that keep wants, with their documents,
// in the order of a segment: what Writer.Write takes. A nil keep wants all; keep
// sees rows without their documents, and is asked once for each row of each
// segment. A row that several segments have comes once, with the document of
// the first of them that is kept; where the documents differ, that is an
// ErrConflict.
//
// It holds of each segment one row group without its documents and a page of
// documents, and no more than one document that is larger than a page. The first
// error ends it. A row may be kept after the next is asked for.
func Merge(keep func(*Row) bool, readers ...*Reader) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		m := merge{keep: keep}
		row, err := m.start(readers)
		for err == nil && row != nil {
			if !yield(row, nil) {
				return
			}
			row, err = m.next()
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// merge is a heap of cursors, the one with the smallest row first, and of equal
// ones that of the earlier segment.
type merge struct {
	keep  func(*Row) bool
	heads []*head
	taken *head // whose row was yielded last, and which is to be moved on
	last  *Row  // that row, without its document
}

type head struct {
	cursor
	order int
}

func (m *merge) Len() int      { return len(m.heads) }
func (m *merge) Swap(i, j int) { m.heads[i], m.heads[j] = m.heads[j], m.heads[i] }
func (m *merge) Push(x any)    { m.heads = append(m.heads, x.(*head)) }

func (m *merge) Less(i, j int) bool {
	a, b := m.heads[i], m.heads[j]
	if c := a.last.Compare(b.last); c != 0 {
		return c < 0
	}
	return a.order < b.order
}

func (m *merge) Pop() any {
	last := m.heads[len(m.heads)-1]
	m.heads = m.heads[:len(m.heads)-1]
	return last
}

// start moves every cursor to its first row and returns the smallest.
func (m *merge) start(readers []*Reader) (*Row, error) {
	for i, r := range readers {
		if err := m.advance(&head{cursor: cursor{reader: r}, order: i}); err != nil {
			return nil, err
		}
	}
	return m.next()
}

// advance moves a cursor to its next row that is wanted and puts it back, or
// leaves it out at its end.
func (m *merge) advance(h *head) error {
	for {
		row, err := h.next()
		switch {
		case err != nil:
			return err
		case row == nil:
			return nil
		case m.keep == nil || m.keep(row):
			heap.Push(m, h)
			return nil
		}
	}
}

// next returns the smallest row, with its document; nil after the last.
func (m *merge) next() (*Row, error) {
	if m.taken != nil {
		m.taken.drop()
		h := m.taken
		m.taken = nil
		if err := m.advance(h); err != nil {
			return nil, err
		}
	}
	for len(m.heads) > 0 {
		h := heap.Pop(m).(*head)
		row := h.last
		if m.last != nil && m.last.Compare(row) == 0 {
			if m.last.SHA256 != row.SHA256 {
				return nil, fmt.Errorf("%.200s: %w", row.Key, ErrConflict)
			}
			if err := m.advance(h); err != nil {
				return nil, err
			}
			continue
		}
		if err := h.document(); err != nil {
			return nil, err
		}
		m.taken, m.last = h, row.bare()
		return row, nil
	}
	return nil, nil
}
