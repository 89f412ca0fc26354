package segment_test

import (
	"bytes"
	"testing"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"logstow/layout/segment"
)

// What other tools are told of the columns is what another reader finds.
func TestColumns(t *testing.T) {
	content, _ := write(t, jobs(t, 3, 100, 2))
	r, err := file.NewParquetReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	root, columns := r.MetaData().Schema.Root(), segment.Columns()
	if root.NumFields() != len(columns) {
		t.Fatalf("Columns names %d columns, the file has %d", len(columns), root.NumFields())
	}
	for i, c := range columns {
		field := root.Field(i)
		if got, ok := typeOf(field); c.Name != field.Name() || !ok || c.Type != got {
			t.Errorf("column %d is %+v, in the file %v", i, c, field)
		}
	}
}

func typeOf(field schema.Node) (segment.Type, bool) {
	switch logical := field.LogicalType().(type) {
	case schema.ListLogicalType:
		return segment.Texts, true
	case schema.StringLogicalType:
		return segment.Text, true
	case schema.TimestampLogicalType:
		return segment.Time, logical.IsAdjustedToUTC()
	}
	leaf, ok := field.(*schema.PrimitiveNode)
	if !ok {
		return 0, false
	}
	t, ok := map[parquet.Type]segment.Type{
		parquet.Types.Int64: segment.Integer, parquet.Types.Boolean: segment.Boolean,
		parquet.Types.ByteArray: segment.Bytes, parquet.Types.FixedLenByteArray: segment.Bytes,
	}[leaf.PhysicalType()]
	return t, ok
}
