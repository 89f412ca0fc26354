package segment_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/layout"
	"logstow/layout/jobfile"
	"logstow/layout/segment"
)

var noon = time.Date(2026, 9, 14, 12, 34, 56, 789_000_000, time.UTC)

// job is a row of a job with this document.
func job(t testing.TB, recipe, id string, at time.Time, document []byte) *segment.Row {
	t.Helper()
	key, err := layout.Document{User: "1234", Recipe: recipe, Job: id, Time: at, Status: "succeeded"}.Key()
	if err != nil {
		t.Fatal(err)
	}
	return &segment.Row{
		User: "1234", Recipe: recipe, Job: id, Kind: jobfile.Job, Status: "succeeded",
		Time: at, StartedAt: at.Add(-time.Minute), CompletedAt: at, ArchivedAt: at.Add(time.Hour),
		Title: "Sync accounts", Lines: 3, Key: key,
		Size: int64(len(document)), InputSize: int64(len(document)),
		InputHash: sha256.Sum256(document), SHA256: sha256.Sum256(document), Document: document,
	}
}

// jobs is that many rows in order, with documents of some size.
func jobs(t testing.TB, n, size int, seed uint64) []*segment.Row {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	var rows []*segment.Row
	for i := range n {
		id := fmt.Sprintf("j-%08x-%d", rng.Uint32(), i)
		at := noon.Add(time.Duration(rng.IntN(1_000_000)) * time.Second / 4)
		rows = append(rows, job(t, fmt.Sprint(100+rng.IntN(5)), id, at, text(rng, id, size/2+rng.IntN(size+1))))
	}
	slices.SortFunc(rows, (*segment.Row).Compare)
	return rows
}

// text is a document that compresses about as real ones do.
func text(rng *rand.Rand, id string, size int) []byte {
	b := append(make([]byte, 0, size+100), `{"id":"`+id+`","lines":[`...)
	for len(b) < size {
		b = fmt.Appendf(b, `{"recipe_line_number":%d,"adapter_name":"salesforce","adapter_operation":"search_sobjects","input":{"id":"%016x"},"output":{"message":"%08x"}},`,
			rng.IntN(40), rng.Uint64(), rng.Uint32())
	}
	return append(b, `null]}`...)
}

// write makes a segment of rows that are in order.
func write(t testing.TB, rows []*segment.Row) ([]byte, segment.Summary) {
	t.Helper()
	var b bytes.Buffer
	w := segment.NewWriter(&b)
	for _, r := range rows {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	s, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if s.Bytes != int64(b.Len()) || s.Rows != int64(len(rows)) {
		t.Fatalf("Close() = %d bytes, %d rows; want %d, %d", s.Bytes, s.Rows, b.Len(), len(rows))
	}
	return b.Bytes(), s
}

func open(t testing.TB, file []byte) *segment.Reader {
	t.Helper()
	r, err := segment.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// all is what a sequence yields.
func all(t testing.TB, seq iter.Seq2[*segment.Row, error]) []*segment.Row {
	t.Helper()
	var rows []*segment.Row
	for row, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// sameBytes compares documents quickly.
var sameBytes = cmp.Comparer(bytes.Equal)

// wantRows compares rows, those of a file with those that were written.
func wantRows(t testing.TB, what string, got, want []*segment.Row) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d rows, want %d", what, len(got), len(want))
	}
	for i := range want {
		if d := cmp.Diff(want[i], got[i], sameBytes); d != "" {
			t.Fatalf("%s: row %d (-want +got):\n%s", what, i, d)
		}
	}
}

// counted counts what is read of a file.
type counted struct {
	io.ReaderAt
	reads, bytes atomic.Int64
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.reads.Add(1)
	c.bytes.Add(int64(len(p)))
	return c.ReaderAt.ReadAt(p, off)
}
