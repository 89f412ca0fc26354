package segment_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"testing"
	"time"

	"logstow/layout/segment"
)

// Rows of 40 MB that don't compress are written, read and merged in memory that
// doesn't grow with their number: six of them have 240 MB. Parquet-go takes
// each of them some times, in its column, in the page, compressed, and in the row
// group, and keeps what it took for the next.
func TestLargeRows(t *testing.T) {
	const size, bound = 40_000_000, 550_000_000
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	document := make([]byte, size)
	if _, err := rand.NewChaCha8([32]byte{11}).Read(document); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	peak := watchHeap(t)
	var readers []*segment.Reader
	for i := range 2 {
		w, done := create(t, filepath.Join(dir, fmt.Sprint(i)))
		for j := range 3 {
			must(t, w.Write(job(t, "1", fmt.Sprintf("j-%d-%d", j, i), noon, document)))
		}
		for j := range 3 {
			must(t, w.Write(job(t, "1", fmt.Sprintf("k-%d-%d", j, i), noon, []byte("{}"))))
		}
		readers = append(readers, done())
	}
	written := peak()
	w, done := create(t, filepath.Join(dir, "merged"))
	for row, err := range segment.Merge(nil, readers...) {
		must(t, err)
		must(t, w.Write(row))
	}
	merged := done()
	n := 0
	for row, err := range merged.Documents(nil) {
		must(t, err)
		if n++; len(row.Document) != size && len(row.Document) != 2 {
			t.Fatalf("a document of %d bytes", len(row.Document))
		}
	}
	got := peak()
	t.Logf("%d MB of heap to write, %d to merge and read", written/1e6, got/1e6)
	if n != 12 || max(written, got) > bound {
		t.Errorf("%d rows in %d and %d MB of heap, want 12 in %d", n, written/1e6, got/1e6, bound/1_000_000)
	}
}

// A merge holds one large document at a time, however many segments have one
// next: here a dozen of 8 MB each.
func TestMergeHoldsOneLargeDocument(t *testing.T) {
	const size, bound = 7_900_000, 100_000_000
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	document := make([]byte, size)
	if _, err := rand.NewChaCha8([32]byte{13}).Read(document); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var readers []*segment.Reader
	for i := range 12 {
		w, done := create(t, filepath.Join(dir, fmt.Sprint(i)))
		for j := range 2 { // in one row group
			must(t, w.Write(job(t, "1", fmt.Sprintf("j-%d-%02d", j, i), noon, document)))
		}
		readers = append(readers, done())
	}
	runtime.GC()
	runtime.GC() // what writers leave in pools goes with the second
	peak := watchHeap(t)
	n := 0
	for row, err := range segment.Merge(nil, readers...) {
		must(t, err)
		if n++; len(row.Document) != size {
			t.Fatalf("a document of %d bytes", len(row.Document))
		}
	}
	if got := peak(); n != 24 || got > bound {
		t.Errorf("%d rows in %d MB of heap, want 24 in %d", n, got/1e6, bound/1_000_000)
	} else {
		t.Logf("%d MB of heap", got/1e6)
	}
}

// create begins a segment in a file; done ends it and opens it again.
func create(t *testing.T, path string) (w *segment.Writer, done func() *segment.Reader) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	b := bufio.NewWriter(f)
	w = segment.NewWriter(b)
	return w, func() *segment.Reader {
		s, err := w.Close()
		must(t, err)
		must(t, b.Flush())
		r, err := segment.Open(f, s.Bytes)
		must(t, err)
		return r
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// watchHeap watches the heap until the test ends. What it returns tells the most
// there was since it was asked last, of what lives and what isn't swept yet.
func watchHeap(t *testing.T) func() uint64 {
	var most atomic.Uint64
	look := func() {
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(s)
		for now := s[0].Value.Uint64(); ; {
			if old := most.Load(); now <= old || most.CompareAndSwap(old, now) {
				return
			}
		}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				look()
			}
		}
	}()
	t.Cleanup(func() { close(end); <-ended })
	return func() uint64 {
		look()
		return most.Swap(0)
	}
}
