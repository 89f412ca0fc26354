package segment_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
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
