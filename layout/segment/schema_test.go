package segment_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"logstow/layout/segment"
)

// describe is what a file says of its columns and how it is written, as
// parquet-go reads it.
func describe(t *testing.T, file []byte) string {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range f.Metadata().Schema {
		typ, logical := "group", e.LogicalType.String()
		if e.Type.Valid {
			typ = e.Type.V.String()
		}
		if typ == "FIXED_LEN_BYTE_ARRAY" {
			typ += fmt.Sprintf("(%d)", e.TypeLength.V)
		}
		fmt.Fprintf(&b, "%d %s %s %s", e.FieldID, e.Name, e.RepetitionType.V, typ)
		if logical != "" {
			fmt.Fprintf(&b, " %s", logical)
		}
		b.WriteByte('\n')
	}
	group := f.Metadata().RowGroups[0]
	for _, s := range group.SortingColumns {
		c := group.Columns[s.ColumnIdx].MetaData
		fmt.Fprintf(&b, "sorted by %s, descending %t\n", c.PathInSchema[0], s.Descending)
	}
	for _, c := range group.Columns {
		m := c.MetaData
		fmt.Fprintf(&b, "%s: %s, statistics %t, bloom filter %t, column index %t, offset index %t\n", m.PathInSchema[0], m.Codec,
			m.Statistics.MinValue != nil, m.BloomFilterOffset > 0, c.ColumnIndexLength > 0, c.OffsetIndexLength > 0)
	}
	for _, kv := range f.Metadata().KeyValueMetadata {
		fmt.Fprintf(&b, "%s: %d bytes\n", kv.Key, len(kv.Value))
	}
	return b.String()
}

// wantBounded tells whether row groups and pages of documents are as large as
// they may be, unless they have one row.
func wantBounded(t *testing.T, file []byte, rows []*segment.Row) {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	size := func(rows []*segment.Row) (n int64) {
		for _, r := range rows {
			n += r.Size
		}
		return n
	}
	pages := 0
	for i, g := range f.RowGroups() {
		group := rows[:g.NumRows()]
		rows = rows[len(group):]
		if n := size(group); len(group) > 1 && n > segment.GroupBytes {
			t.Errorf("row group %d: %d documents with %d bytes, more than %d", i, len(group), n, segment.GroupBytes)
		}
		chunks := g.ColumnChunks()
		index, err := chunks[len(chunks)-1].OffsetIndex()
		if err != nil {
			t.Fatal(err)
		}
		for p := range index.NumPages() {
			end := len(group)
			if p+1 < index.NumPages() {
				end = int(index.FirstRowIndex(p + 1))
			}
			page := group[index.FirstRowIndex(p):end]
			if n := size(page); len(page) > 1 && n > segment.PageBytes {
				t.Errorf("row group %d, page %d: %d documents with %d bytes, more than %d", i, p, len(page), n, segment.PageBytes)
			}
			pages++
		}
	}
	if len(rows) > 0 || len(f.RowGroups()) < 2 || pages < 10 {
		t.Errorf("%d row groups with %d pages, %d rows left", len(f.RowGroups()), pages, len(rows))
	}
}
