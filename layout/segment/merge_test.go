package segment_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"logstow/layout/segment"
)

// Merging segments is the same as sorting all their rows.
func TestMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 0))
	rows := jobs(t, 2000, 4000, 6)
	parts := make([][]*segment.Row, 5)
	for _, r := range rows {
		i := rng.IntN(len(parts))
		parts[i] = append(parts[i], r)
		if rng.IntN(20) == 0 { // what a compaction that was ended left twice
			j := (i + 1) % len(parts)
			parts[j] = append(parts[j], r)
		}
	}
	var readers []*segment.Reader
	for _, part := range parts {
		file, _ := write(t, part)
		readers = append(readers, open(t, file))
	}
	merged := all(t, segment.Merge(nil, readers...))
	wantRows(t, "Merge", merged, rows)
	again, s := write(t, merged)
	once, want := write(t, rows)
	if s.Segment != want.Segment || !bytes.Equal(again, once) {
		t.Errorf("merged: %+v, %d bytes; written at once: %+v, %d bytes", s.Segment, len(again), want.Segment, len(once))
	}
	keep := func(r *segment.Row) bool { return r.Recipe != "102" && r.Document == nil }
	rows = slices.DeleteFunc(rows, func(r *segment.Row) bool { return r.Recipe == "102" })
	wantRows(t, "Merge of some", all(t, segment.Merge(keep, readers...)), rows)
	for row, err := range segment.Merge(nil, readers...) {
		if err != nil || row.Key != merged[0].Key {
			t.Errorf("the first of Merge = %s, %v; want %s", row.Key, err, merged[0].Key)
		}
		break
	}
	if got := all(t, segment.Merge(nil)); len(got) != 0 {
		t.Errorf("Merge of nothing has %d rows", len(got))
	}
}

func TestMergeConflict(t *testing.T) {
	a, b := job(t, "1", "j", noon, []byte("{1}")), job(t, "1", "j", noon, []byte("{2}"))
	var readers []*segment.Reader
	for _, r := range []*segment.Row{a, b} {
		file, _ := write(t, []*segment.Row{r})
		readers = append(readers, open(t, file))
	}
	var last error
	n := 0
	for _, err := range segment.Merge(nil, readers...) {
		n, last = n+1, err
	}
	if n != 2 || !errors.Is(last, segment.ErrConflict) {
		t.Errorf("Merge of different documents of one key yields %d times, then %v; want one row, then %v", n, last, segment.ErrConflict)
	}
}

// All rows are read by few reads: one a row group, and one a few MB of documents.
func TestDocumentsReadsAhead(t *testing.T) {
	file, _ := write(t, jobs(t, 5000, 8000, 12))
	src := &counted{ReaderAt: bytes.NewReader(file)}
	r, err := segment.Open(src, int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	all(t, r.Documents(nil))
	// Two more a row group, of which there are three.
	if most := 1 + 3*3 + int64(len(file))/1_000_000; src.reads.Load() > most {
		t.Errorf("%d reads of %d bytes, want %d at most", src.reads.Load(), len(file), most)
	}
}

// A page that holds nothing that is wanted isn't read.
func TestDocumentsReadsWhatIsWanted(t *testing.T) {
	rows := jobs(t, 2200, 8000, 7)
	file, _ := write(t, rows)
	src := &counted{ReaderAt: bytes.NewReader(file)}
	r, err := segment.Open(src, int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	src.reads.Store(0)
	got := all(t, r.Documents(func(r *segment.Row) bool { return r.Key == rows[1500].Key }))
	wantRows(t, "Documents", got, rows[1500:1501])
	groups := src.reads.Load() - 1
	if all(t, r.Rows()); src.reads.Load()-1 > 2*groups {
		t.Errorf("%d reads for one document, %d more for all rows", groups+1, src.reads.Load()-groups-1)
	}
}
