package ledger_test

import (
	"errors"
	"testing"
	"time"

	"logstow/archive/ledger"
)

// A replaced segment goes when it is due, and takes all that is known of it along.
func TestReplacedSegmentsGoWhenDue(t *testing.T) {
	l := open(t, newPath(t))
	docs := archived(t, l, "u", 3)
	p := pack(t, l, "old", docs...)
	id := p.Segment.ID
	in := must(l.InSegment(t.Context(), id))(t)
	if err := l.KeepInput(t.Context(), in[0]); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.StartErasure(t.Context(), in[1:2], ledger.AuditEntry{}); err != nil {
		t.Fatal(err)
	}
	due := noon.Add(time.Hour)
	next := begin(t, l, "new", in[2])
	if err := l.CommitSegments(t.Context(), []ledger.Packed{next}, []int64{id}, noon, due); err != nil {
		t.Fatal(err)
	}
	if _, err := l.StartSegmentRemoval(t.Context(), id, due.Add(-time.Millisecond)); !errors.Is(err, ledger.ErrMoved) {
		t.Errorf("StartSegmentRemoval before it is due = %v, want ErrMoved", err)
	}
	if _, err := l.StartSegmentRemoval(t.Context(), id, due); err != nil {
		t.Fatal(err)
	}
	fresh := job("u", "fresh", "a")
	a := ledger.Adopted{Segment: p.Segment, Documents: []ledger.Document{docs[0], docs[1], fresh}}
	if _, err := l.AdoptSegment(t.Context(), a); !errors.Is(err, ledger.ErrMoved) {
		t.Errorf("AdoptSegment of what is to go, with what is not known = %v, want ErrMoved", err)
	}
	for range 2 {
		if err := l.EndSegmentRemoval(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []bool{false, false, true} {
		if is, _, err := l.Input(t.Context(), docs[i].ID); is != want || err != nil {
			t.Errorf("Input of document %d = %t, %v, want %t", i, is, err, want)
		}
	}
	var left int
	if err := l.Writer().QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM copies) + (SELECT count(*) FROM inputs WHERE segment = ?)
  + (SELECT count(*) FROM documents WHERE segment = ?)`, id, id).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d rows are left of the segment, %v, want none", left, err)
	}
}
