package segment

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/parquet-go/parquet-go/bloom"
)

// Wanted names a job or an event.
type Wanted struct {
	Job    string
	Recipe string // where known: it spares looking into other row groups
}

// Found is a row of this segment, without its document, and where that is.
type Found struct {
	Row
	Number     int64 // of the row in the segment, from 0; see Reader.At
	group, row int
}

// Find returns all rows of a job, which has more than one where it has
// revisions, without their documents; none where the segment doesn't have it.
// It reads only row groups whose filters and statistics allow the job, each in
// one read. A filter is wrong once in some thousand.
func (r *Reader) Find(want Wanted) (found []Found, err error) {
	defer guard(&err)
	for i := range r.footer.groups {
		may, err := r.mayHave(i, want)
		if err != nil {
			return nil, fmt.Errorf("find job %.80q: %w", want.Job, err)
		}
		if !may {
			continue
		}
		rest, err := r.rest(i)
		if err != nil {
			return nil, fmt.Errorf("find job %.80q: %w", want.Job, err)
		}
		for j := range int(rest.rows) {
			if string(rest.cols[colJob].bytes(j)) != want.Job || want.Recipe != "" && string(rest.cols[colRecipe].bytes(j)) != want.Recipe {
				continue
			}
			row, err := rest.row(j)
			if err != nil {
				return nil, err
			}
			found = append(found, Found{*row, r.starts[i] + int64(j), i, j})
		}
	}
	return found, nil
}

// mayHave tells whether a row group may have what is wanted.
func (r *Reader) mayHave(index int, want Wanted) (bool, error) {
	g := &r.footer.groups[index]
	for _, w := range []struct {
		col   int
		value string
	}{{colJob, want.Job}, {colRecipe, want.Recipe}} {
		if w.value == "" && w.col == colRecipe {
			continue
		}
		c := &g.chunks[w.col]
		if !c.between([]byte(w.value)) {
			return false, nil
		}
		if may, err := r.inFilter(c.bloom, []byte(w.value)); !may || err != nil {
			return false, err
		}
	}
	return true, nil
}

// inFilter asks a bloom filter; no filter doesn't exclude anything.
func (r *Reader) inFilter(at span, value []byte) (bool, error) {
	if at.size == 0 {
		return true, nil
	}
	b, err := r.read(at)
	if err != nil {
		return false, err
	}
	c, size, known := &compact{b: b}, int64(0), 0
	c.structure(func(id int64, kind byte) bool {
		switch {
		case id == 1 && kind == thriftI32:
			size = c.int()
		case id >= 2 && id <= 4 && kind == thriftStruct:
			if c.union() == 1 { // split blocks, xxHash, uncompressed: all there is
				known++
			}
		default:
			return false
		}
		return true
	})
	bits := b[c.at:]
	if c.err != nil || known != 3 || size != int64(len(bits)) || size == 0 || size%bloom.BlockSize != 0 {
		return false, fmt.Errorf("a bloom filter of %d bytes is not one: %w", at.size, ErrDamaged)
	}
	return bloom.CheckSplitBlock(bytes.NewReader(bits), size, bloom.XXH64{}.Sum64(value))
}

// Document reads the document of a row that Find returned, in one read of the
// page that holds it. It is what the row's SHA-256 says, or an error.
func (r *Reader) Document(f Found) (doc []byte, err error) {
	defer guard(&err)
	if f.group < 0 || f.group >= len(r.footer.groups) || f.row < 0 || int64(f.row) >= r.footer.groups[f.group].rows {
		return nil, fmt.Errorf("document of %.200s: it isn't a row of this segment", f.Key)
	}
	c := &r.footer.groups[f.group].chunks[colDocument]
	index := c.pageOf(int64(f.row))
	raw, err := r.read(c.pages[index].span)
	if err != nil {
		return nil, fmt.Errorf("document of %.200s: %w", f.Key, err)
	}
	docs, err := r.documents(f.group, index, raw)
	if err != nil {
		return nil, fmt.Errorf("document of %.200s: %w", f.Key, err)
	}
	doc = docs[int64(f.row)-c.pages[index].row]
	if err := verify(&f.Row, doc); err != nil {
		return nil, err
	}
	return doc, nil
}

// documents are those of a page.
func (r *Reader) documents(group, index int, raw []byte) ([][]byte, error) {
	g := &r.footer.groups[group]
	rows := g.chunks[colDocument].rowsOf(index, g.rows)
	n, plain, err := r.inflate(raw, maxInflated)
	if err != nil {
		return nil, err
	}
	if n != rows || 4*rows > int64(len(plain)) {
		return nil, fmt.Errorf("a page has %d documents for %d rows: %w", n, rows, ErrDamaged)
	}
	docs := make([][]byte, rows)
	for i := range docs {
		var ok bool
		if docs[i], plain, ok = cut(plain); !ok {
			return nil, fmt.Errorf("a page doesn't hold its %d documents: %w", rows, ErrDamaged)
		}
	}
	if len(plain) > 0 {
		return nil, fmt.Errorf("a page has %d bytes after its documents: %w", len(plain), ErrDamaged)
	}
	return docs, nil
}

// verify compares a document with what its row says.
func verify(r *Row, doc []byte) error {
	if sum := sha256.Sum256(doc); int64(len(doc)) != r.Size || sum != r.SHA256 {
		return fmt.Errorf("document of %.200s: it has %d bytes with the SHA-256 %x, not %d with %x: %w", r.Key, len(doc), sum, r.Size, r.SHA256, ErrDamaged)
	}
	return nil
}
