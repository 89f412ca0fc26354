package segment_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
)

// Another reader than ours, and than the library that writes, finds the same
// documents and hashes.
func TestSecondReader(t *testing.T) {
	rows := jobs(t, 3000, 8000, 2)
	content, _ := write(t, rows)
	r, err := file.NewParquetReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.NumRowGroups() < 2 || r.NumRows() != int64(len(rows)) {
		t.Fatalf("%d row groups, %d rows; want some and %d", r.NumRowGroups(), r.NumRows(), len(rows))
	}
	schema, at := r.MetaData().Schema, 0
	for i := range r.NumRowGroups() {
		group := r.RowGroup(i)
		n := group.NumRows()
		column := func(name string) file.ColumnChunkReader {
			c, err := group.Column(schema.ColumnIndexByName(name))
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		jobs, documents, hashes := make([]parquet.ByteArray, n), make([]parquet.ByteArray, n), make([]parquet.FixedLenByteArray, n)
		times, lines := make([]int64, n), make([]int64, n)
		for name, read := range map[string]func() (int64, int, error){
			"job_id": func() (int64, int, error) {
				return column("job_id").(*file.ByteArrayColumnChunkReader).ReadBatch(n, jobs, nil, nil)
			},
			"document": func() (int64, int, error) {
				return column("document").(*file.ByteArrayColumnChunkReader).ReadBatch(n, documents, nil, nil)
			},
			"sha256": func() (int64, int, error) {
				return column("sha256").(*file.FixedLenByteArrayColumnChunkReader).ReadBatch(n, hashes, nil, nil)
			},
			"time": func() (int64, int, error) {
				return column("time").(*file.Int64ColumnChunkReader).ReadBatch(n, times, nil, nil)
			},
			"line_count": func() (int64, int, error) {
				return column("line_count").(*file.Int64ColumnChunkReader).ReadBatch(n, lines, make([]int16, n), nil)
			},
		} {
			if total, _, err := read(); err != nil || total != n {
				t.Fatalf("row group %d, column %s: %d values, %v; want %d", i, name, total, err, n)
			}
		}
		for j := range n {
			want := rows[at]
			if string(jobs[j]) != want.Job || !bytes.Equal(documents[j], want.Document) || [32]byte(hashes[j]) != sha256.Sum256(want.Document) ||
				times[j] != want.Time.UnixMilli() || lines[j] != want.Lines {
				t.Fatalf("row %d: %s, %x, %d, %d, %.40s…; want %s, %x, %d, %d, %.40s…", at,
					jobs[j], hashes[j], times[j], lines[j], documents[j], want.Job, want.SHA256, want.Time.UnixMilli(), want.Lines, want.Document)
			}
			at++
		}
	}
}
