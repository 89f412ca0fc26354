package archive_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// oracleFile is a file that a source reads, and what stands in it.
type oracleFile struct {
	path    string
	content []byte // decompressed
	records []oraclePlace
	zipped  bool

	// rest is what is still to be written of the last record.
	rest    []byte
	pending *oracleDelivery
}

// oraclePlace is where a record stands in a file.
type oraclePlace struct {
	start, end int
	*oracleDelivery
}

// gone tells whether nothing was written to the file yet.
func (f *oracleFile) gone() bool { return len(f.content) == 0 && f.pending == nil }

// add appends records, each on lines of its own.
func (f *oracleFile) add(t *testing.T, records ...*oracleDelivery) {
	t.Helper()
	f.complete(t)
	var b bytes.Buffer
	for _, d := range records {
		start := len(f.content) + b.Len()
		b.WriteString(d.raw + "\n")
		f.records = append(f.records, oraclePlace{start, start + len(d.raw), d})
	}
	f.append(t, b.Bytes())
}

// begin appends the first n bytes of a record.
func (f *oracleFile) begin(t *testing.T, d *oracleDelivery, n int) {
	t.Helper()
	f.complete(t)
	f.rest, f.pending = []byte(d.raw[n:]+"\n"), d
	f.append(t, []byte(d.raw[:n]))
}

// complete appends what a record lacks.
func (f *oracleFile) complete(t *testing.T) {
	t.Helper()
	if f.pending == nil {
		return
	}
	d, rest := f.pending, f.rest
	f.rest, f.pending = nil, nil
	f.append(t, rest)
	end := len(f.content) - 1
	f.records = append(f.records, oraclePlace{end - len(d.raw), end, d})
}

func (f *oracleFile) append(t *testing.T, b []byte) {
	t.Helper()
	f.content = append(f.content, b...)
	w, err := os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
}

// array makes a file that holds records in a JSON array.
func newOracleArray(t *testing.T, path string, records ...*oracleDelivery) *oracleFile {
	t.Helper()
	f := &oracleFile{path: path}
	var b strings.Builder
	b.WriteString("[\n")
	for i, d := range records {
		if i > 0 {
			b.WriteString(",\n")
		}
		f.records = append(f.records, oraclePlace{b.Len(), b.Len() + len(d.raw), d})
		b.WriteString(d.raw)
	}
	b.WriteString("\n]\n")
	f.append(t, []byte(b.String()))
	return f
}

// oracleFolder is a folder that files come to and go from.
type oracleFolder struct {
	dir   string
	files map[string]*oracleFile // by name
	next  int
}

// file returns the file called name, which grows.
func (d *oracleFolder) file(name string) *oracleFile {
	f := d.files[name]
	if f == nil {
		f = &oracleFile{path: filepath.Join(d.dir, name)}
		d.files[name] = f
	}
	return f
}

// fresh returns a name that no file had.
func (d *oracleFolder) fresh(pattern string) string {
	d.next++
	return fmt.Sprintf(pattern, d.next)
}

// rename gives a file another name, compressing it on the way if it is asked
// to.
func (d *oracleFolder) rename(t *testing.T, name, to string, compressed bool) {
	t.Helper()
	f := d.files[name]
	f.complete(t)
	old := f.path
	f.path = filepath.Join(d.dir, to)
	delete(d.files, name)
	d.files[to] = f
	if !compressed {
		oracleMust(t, os.Rename(old, f.path))
		return
	}
	f.zipped = true
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(f.content)
	oracleMust(t, err)
	oracleMust(t, z.Close())
	oracleMust(t, os.WriteFile(f.path, b.Bytes(), 0o600))
	oracleMust(t, os.Remove(old))
}

// copyAndTruncate copies a file and empties it.
func (d *oracleFolder) copyAndTruncate(t *testing.T, name, to string) {
	t.Helper()
	f := d.files[name]
	f.complete(t)
	g := &oracleFile{path: filepath.Join(d.dir, to), records: f.records}
	g.append(t, f.content)
	d.files[to] = g
	oracleMust(t, os.Truncate(f.path, 0))
	f.content, f.records = nil, nil
}

// remove makes a file vanish.
func (d *oracleFolder) remove(t *testing.T, name string) {
	t.Helper()
	oracleMust(t, os.Remove(d.files[name].path))
	delete(d.files, name)
}

func oracleMust(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
