package main_test

import (
	"os"
	"strings"
	"testing"

	"logstow/layout/segment"
)

// The definitions that the script ddl.txtar expects have every column of a segment,
// in its order.
func TestDDLHasEveryColumn(t *testing.T) {
	script, err := os.ReadFile("../../testdata/script/ddl.txtar")
	if err != nil {
		t.Fatal(err)
	}
	_, files, _ := strings.Cut(string(script), "\n-- duckdb.sql --\n")
	duckdb, athena, ok := strings.Cut(files, "\n-- athena.sql --\n")
	if !ok {
		t.Fatal("the script has no duckdb.sql with an athena.sql after it")
	}
	var names, definitions []string
	types := map[segment.Type]string{
		segment.Text: "string", segment.Texts: "array<string>", segment.Time: "timestamp",
		segment.Integer: "bigint", segment.Boolean: "boolean", segment.Bytes: "binary",
	}
	for _, c := range segment.Columns() {
		names = append(names, "  "+c.Name)
		if c.Name != "user_id" { // the folder's goes for it
			definitions = append(definitions, "  `"+c.Name+"` "+types[c.Type])
		}
	}
	if want := "SELECT\n" + strings.Join(names, ",\n") + ",\n  year\nFROM read_parquet("; !strings.Contains(duckdb, want) {
		t.Errorf("the view for DuckDB has not\n%s", want)
	}
	if want := "logstow_segments (\n" + strings.Join(definitions, ",\n") + "\n)\n"; !strings.Contains(athena, want) {
		t.Errorf("the table for Athena has not\n%s", want)
	}
}
