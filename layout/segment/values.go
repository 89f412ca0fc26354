package segment

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"logstow/layout/jobfile"
)

// values is a column of a row group: each value is a part of data.
type values struct {
	data []byte
	at   []part
	ends []int32 // of a list: where each row's values end in at
}

// part is where a value is; one that is null has a negative start.
type part struct{ start, end int32 }

var null = part{-1, -1}

// rest is all columns of a row group but the documents.
type rest struct {
	rows int64
	cols [colDocument]values
}

// rest reads a row group without its documents, by one read.
func (r *Reader) rest(index int) (*rest, error) {
	g := &r.footer.groups[index]
	region := span{g.chunks[0].offset, 0}
	for i := range colDocument {
		c := &g.chunks[i]
		if c.offset != region.end() {
			return nil, fmt.Errorf("row group %d: its columns are not side by side: %w", index, ErrDamaged)
		}
		region.size += c.size
	}
	if region.size > maxRegion {
		return nil, fmt.Errorf("row group %d: its columns have %d bytes, more than %d: %w", index, region.size, maxRegion, ErrDamaged)
	}
	raw, err := r.read(region)
	if err != nil {
		return nil, err
	}
	out, room := &rest{rows: g.rows}, int64(maxRegion)
	all := schema()
	for i := range out.cols {
		c := &g.chunks[i]
		if err := r.column(&out.cols[i], all[i], c, g.rows, raw[c.offset-region.at:], &room); err != nil {
			return nil, fmt.Errorf("row group %d, column %s: %w", index, all[i].name, err)
		}
	}
	return out, nil
}

// column reads all pages of a chunk, which raw begins with. All that is
// inflated is taken from room.
func (r *Reader) column(v *values, col column, c *chunk, rows int64, raw []byte, room *int64) error {
	v.at = make([]part, 0, rows)
	for i, p := range c.pages {
		at := p.at - c.offset
		n, plain, err := r.inflate(raw[at:at+p.size], *room)
		if err != nil {
			return err
		}
		*room -= int64(len(plain))
		if err := v.add(plain, col, n, c.rowsOf(i, rows)); err != nil {
			return err
		}
	}
	if int64(len(v.at)) != c.values {
		return fmt.Errorf("it has %d values, not %d: %w", len(v.at), c.values, ErrDamaged)
	}
	return nil
}

// add appends a page of n values in that many rows.
func (v *values) add(plain []byte, col column, n, rows int64) error {
	var defined []byte
	var err error
	if col.list {
		// A row without elements takes a level, and an element four bytes.
		if n < rows || n > rows+int64(len(plain))/4 {
			return fmt.Errorf("a page has %d values in %d rows: %w", n, rows, ErrDamaged)
		}
		var repeats []byte
		if repeats, plain, err = levels(plain, n); err != nil {
			return err
		}
		if err := v.addRows(repeats, rows); err != nil {
			return err
		}
	} else if n != rows {
		return fmt.Errorf("a page has %d values in %d rows: %w", n, rows, ErrDamaged)
	}
	if col.optional || col.list {
		if defined, plain, err = levels(plain, n); err != nil {
			return err
		}
	}
	return v.addValues(plain, col, defined, n)
}

// addRows remembers where the rows of a list end.
func (v *values) addRows(repeats []byte, rows int64) error {
	base, began := int32(len(v.at)), int64(0)
	for i, again := range repeats {
		if again == 0 {
			if began++; i > 0 {
				v.ends = append(v.ends, base+int32(i))
			}
		}
	}
	if began != rows || repeats[0] != 0 {
		return fmt.Errorf("a page has lists of %d rows, not of %d: %w", began, rows, ErrDamaged)
	}
	v.ends = append(v.ends, base+int32(len(repeats)))
	return nil
}

// addValues appends n values, those that are defined from plain.
func (v *values) addValues(plain []byte, col column, defined []byte, n int64) error {
	bad := fmt.Errorf("a page doesn't hold its %d values: %w", n, ErrDamaged)
	base := int32(len(v.data))
	kind := col.node().Type()
	if kind.Kind() == booleanKind {
		if int64(len(plain)) != (n+7)/8 {
			return bad
		}
		for i := range n {
			v.data = append(v.data, plain[i/8]>>(i%8)&1)
			v.at = append(v.at, part{base + int32(i), base + int32(i) + 1})
		}
		return nil
	}
	width := kind.Length() / 8 // of numbers, in bits
	if kind.Kind() == fixedKind {
		width = kind.Length()
	}
	used := 0
	for i := range n {
		if defined != nil && defined[i] == 0 {
			v.at = append(v.at, null)
			continue
		}
		size := width
		if kind.Kind() == bytesKind {
			value, _, ok := cut(plain[used:])
			if !ok {
				return bad
			}
			size, used = len(value), used+4
		}
		if size > len(plain)-used {
			return bad
		}
		v.at = append(v.at, part{base + int32(used), base + int32(used+size)})
		used += size
	}
	if used != len(plain) {
		return bad
	}
	v.data = append(v.data, plain...)
	return nil
}

// How Parquet numbers types.
const (
	booleanKind = 0
	bytesKind   = 6
)

// bytes is a value, nil where it is null.
func (v *values) bytes(i int) []byte {
	p := v.at[i]
	if p == null {
		return nil
	}
	return v.data[p.start:p.end:p.end]
}

func (v *values) text(i int) string { return string(v.bytes(i)) }

// int is a number, and without where it is null.
func (v *values) int(i int, without int64) int64 {
	if v.at[i] == null {
		return without
	}
	return int64(binary.LittleEndian.Uint64(v.bytes(i)))
}

// time is zero where it is null.
func (v *values) time(i int) time.Time {
	if v.at[i] == null {
		return time.Time{}
	}
	return time.UnixMilli(v.int(i, 0)).UTC()
}

// list is the texts of a row.
func (v *values) list(i int) []string {
	start := int32(0)
	if i > 0 {
		start = v.ends[i-1]
	}
	var all []string
	for j := start; j < v.ends[i]; j++ {
		if v.at[j] != null {
			all = append(all, v.text(int(j)))
		}
	}
	return all
}

// row returns a row without its document.
func (t *rest) row(i int) (*Row, error) {
	c := &t.cols
	r := &Row{
		User: c[colUser].text(i), Recipe: c[colRecipe].text(i), Job: c[colJob].text(i),
		Kind: jobfile.Kind(c[colKind].text(i)), Status: c[colStatus].text(i),
		Time: c[colTime].time(i), StartedAt: c[colStarted].time(i), CompletedAt: c[colCompleted].time(i), ArchivedAt: c[colArchived].time(i),
		Title: c[colTitle].text(i), Error: c[colError].text(i), ErrorType: c[colErrorType].text(i),
		Adapters: c[colAdapters].list(i), Lines: c[colLines].int(i, -1),
		Size: c[colSize].int(i, 0), InputSize: c[colInputSize].int(i, 0),
		InputHash: [hashSize]byte(c[colInputHash].bytes(i)), SHA256: [hashSize]byte(c[colSHA256].bytes(i)),
		Key: c[colKey].text(i), Changed: c[colChanged].text(i), Overflow: c[colOverflow].bytes(i)[0] == 1,
		Change: append([]byte(nil), c[colChange].bytes(i)...),
	}
	if m := c[colMetadata].bytes(i); m != nil {
		if err := json.Unmarshal(m, &r.Metadata); err != nil {
			return nil, fmt.Errorf("metadata of %.200s: %w: %w", r.Key, err, ErrDamaged)
		}
	}
	return r, nil
}
