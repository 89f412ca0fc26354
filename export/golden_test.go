package export_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"logstow/export"
	"logstow/layout/jobfile"
)

var update = flag.Bool("update", false, "write the golden files")

// What each format gives of each platform's sample and of all together.
func TestGolden(t *testing.T) {
	w := newWorld(t)
	w.add(samples(t)...)
	tests := []struct {
		file string
		r    export.Request
	}{
		{"talend.json", export.Request{Format: export.JSON, Jobs: []string{"aec20220-f745-4da6-a5e0-b6dfe083eee5"}}},
		{"talend.txt", export.Request{Format: export.Text, Jobs: []string{"aec20220-f745-4da6-a5e0-b6dfe083eee5"}}},
		{"apify.json", export.Request{Format: export.JSON, Jobs: []string{"HG7ML7M8z78YcAPEB"}}},
		{"apify.txt", export.Request{Format: export.Text, Jobs: []string{"HG7ML7M8z78YcAPEB"}}},
		{"virtuousai.json", export.Request{Format: export.JSON, Jobs: []string{"run_abc123"}}},
		{"virtuousai.txt", export.Request{Format: export.Text, Jobs: []string{"run_abc123"}}},
		{"ion.txt", export.Request{Format: export.Text, Jobs: []string{"req-9f31c7d2a4b84c0e"}}},
		{"jobs.json", export.Request{Format: export.JSON, Kinds: []jobfile.Kind{jobfile.Job}}},
		{"jobs.txt", export.Request{Format: export.Text, Kinds: []jobfile.Kind{jobfile.Job}}},
		{"all.csv", export.Request{Format: export.CSV}},
		{"all.ndjson", export.Request{Format: export.NDJSON}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			got := w.write(tt.r)
			path := filepath.Join("testdata", "golden", tt.file)
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("Write(%+v) (-want +got):\n%s", tt.r, diff)
			}
		})
	}
}
