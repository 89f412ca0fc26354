package filesource_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/source"
	"logstow/archive/source/filesource"
	"logstow/layout/jobfile"
)

// sizedRecords are n records of about size bytes.
func sizedRecords(n, size int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"id\":%d,\"x\":%q}\n", 100000+i, strings.Repeat("x", size))
	}
	return b.String()
}

// buffers counts those that n records of a size are in, of which so many are not
// yet released, while garbage is collected again and again. What it returns was
// not in use before.
func buffers(t *testing.T, n, size, unreleased int) int {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.ndjson")
	write(t, path, sizedRecords(n, size), time.Hour)
	s, err := filesource.New(filesource.Config{Path: path, Budget: newBudget(64 << 20)})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[*byte]bool{} // and so not used for anything else
	var held []*source.Record
	for rec, err := range s.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if rec.Data == nil {
			continue
		}
		seen[&rec.Data.(jobfile.Memory)[0]] = true
		held = append(held, rec)
		if len(held) > unreleased {
			for _, r := range held {
				r.Release()
			}
			held = nil
			runtime.GC()
			runtime.GC() // what a sync.Pool has is gone
		}
	}
	for _, r := range held {
		r.Release()
	}
	return len(seen)
}

// Buffers of records are used again, whatever the garbage collector does; but no
// large ones, and not more than are worth keeping.
func TestBuffersAreUsedAgain(t *testing.T) {
	if got := buffers(t, 100, 5000, 0); got > 10 {
		t.Errorf("100 records, one after the other, were in %d buffers", got)
	}
	if got := buffers(t, 20, 100_000, 0); got != 20 {
		t.Errorf("20 large records, one after the other, were in %d buffers", got)
	}
	const kept = 2 << 20 / (32 << 10)
	if got, want := buffers(t, 600, 30_000, 199), 600-2*kept; got != want {
		t.Errorf("three times 200 records were in %d buffers, want %d", got, want)
	}
}

// A window that has grown for large records shrinks again, wherever the next ones
// begin and end.
func TestSmallAfterLarge(t *testing.T) {
	var all strings.Builder
	for i := range 5 {
		all.WriteString(sizedRecords(1, 1_500_000+i*77_777) + sizedRecords(300+i, 999))
	}
	path := filepath.Join(t.TempDir(), "in.ndjson")
	write(t, path, all.String(), time.Hour)
	good, broken := read(t, filesource.Config{Path: path}, nil).data()
	want := slices.Collect(strings.SplitSeq(strings.TrimSuffix(all.String(), "\n"), "\n"))
	if diff := cmp.Diff(want, good); diff != "" || len(broken) > 0 {
		t.Errorf("%d records are broken; want none, and (-want +got):\n%.1000s", len(broken), diff)
	}
}
