package ledger_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"logstow/archive/ledger"
)

// relocate says that documents lie elsewhere, and returns of how many it was so.
func relocate(t *testing.T, l *ledger.Ledger, moves ...ledger.Relocation) int {
	t.Helper()
	moved, err := l.Relocate(t.Context(), moves)
	if err != nil {
		t.Fatal(err)
	}
	return len(moved)
}

func byID(t *testing.T, l *ledger.Ledger, d ledger.Document) ledger.Document {
	t.Helper()
	now, err := l.ByIDs(t.Context(), []ledger.Document{d})
	if err != nil || len(now) != 1 {
		t.Fatalf("ByIDs = %d, %v", len(now), err)
	}
	return now[0]
}

func isInput(t *testing.T, l *ledger.Ledger, d ledger.Document) bool {
	t.Helper()
	is, _, err := l.Input(t.Context(), d.ID)
	if err != nil {
		t.Fatal(err)
	}
	return is
}

func copiesOf(t *testing.T, l *ledger.Ledger, d ledger.Document) (ids []int64) {
	t.Helper()
	all, err := l.Copies(t.Context(), d.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		ids = append(ids, s.ID)
	}
	return ids
}

func TestRelocate(t *testing.T) {
	l := open(t, newPath(t))
	docs := archived(t, l, "u", 3)
	a := pack(t, l, "a", docs[:2]...)
	b := begin(t, l, "b", docs[:2]...)
	if err := l.CommitSegments(t.Context(), []ledger.Packed{b}, []int64{a.Segment.ID}, noon, noon); err != nil {
		t.Fatal(err)
	}
	in := byID(t, l, docs[0])
	if in.Segment != b.Segment.ID {
		t.Fatalf("it lies in %d", in.Segment)
	}

	// Into the segment that was replaced, which is Stored again.
	if n := relocate(t, l, ledger.Relocation{Document: in, Segment: a.Segment.ID, Row: 0}); n != 1 {
		t.Errorf("%d were relocated, want 1", n)
	}
	now := byID(t, l, in)
	if now.Segment != a.Segment.ID || now.SegmentRow != 0 {
		t.Errorf("it lies in segment %d, row %d", now.Segment, now.SegmentRow)
	}
	s, err := l.Segment(t.Context(), a.Segment.ID)
	if err != nil || s.State != ledger.SegmentStored || !s.Due.IsZero() {
		t.Errorf("the segment is %+v, %v, want it Stored", s, err)
	}
	equal(t, "copies", copiesOf(t, l, in), []int64{b.Segment.ID})
	if !isInput(t, l, in) {
		t.Error("its own object is no input any more")
	}
	if n, err := l.Inputs(t.Context(), a.Segment.ID); n != 1 || err != nil {
		t.Errorf("Inputs = %d, %v, want 1", n, err)
	}

	// As the caller had seen it before: nothing.
	if n := relocate(t, l, ledger.Relocation{Document: in}); n != 0 {
		t.Error("what had been moved was relocated")
	}
	other := now
	other.SHA256 = hash("other")
	if n := relocate(t, l, ledger.Relocation{Document: other}); n != 0 {
		t.Error("what has other content was relocated")
	}

	// While its object is being removed it isn't said to lie there.
	if _, err := l.ClaimInputs(t.Context(), a.Segment.ID, noon, time.Hour, 1); err != nil {
		t.Fatal(err)
	}
	if n := relocate(t, l, ledger.Relocation{Document: now}); n != 0 {
		t.Error("it lies where somebody is removing it")
	}
	if err := l.EndInputs(t.Context(), []ledger.Document{now}); err != nil {
		t.Fatal(err)
	}
	if n := relocate(t, l, ledger.Relocation{Document: now}); n != 1 {
		t.Error("it was not relocated to its own key")
	}
	now = byID(t, l, now)
	equal(t, "copies", copiesOf(t, l, in), []int64{a.Segment.ID, b.Segment.ID})
	if now.Segment != 0 || isInput(t, l, now) {
		t.Errorf("it lies in %d", now.Segment)
	}

	// From its own key: what lies there is an input.
	if n := relocate(t, l, ledger.Relocation{Document: now, Segment: b.Segment.ID, Row: 1}); n != 1 || !isInput(t, l, now) {
		t.Errorf("%d were relocated", n)
	}
	equal(t, "copies", copiesOf(t, l, in), []int64{a.Segment.ID})
	wantNoDrift(t, l)
}

func wantNoDrift(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	if all, err := l.Drifts(t.Context()); len(all) > 0 || err != nil {
		t.Errorf("Drifts = %+v, %v", all, err)
	}
}

func TestRelocateRefuses(t *testing.T) {
	l := open(t, newPath(t))
	docs := archived(t, l, "u", 3)
	stranger := archived(t, l, "v", 1)[0]
	s := pack(t, l, "s", docs[0], docs[1]).Segment
	writing := begin(t, l, "w", docs[2]).Segment
	for name, m := range map[string]ledger.Relocation{
		"no such row":    {Document: docs[2], Segment: s.ID, Row: 2},
		"a row before 0": {Document: docs[2], Segment: s.ID, Row: -1},
		"another's":      {Document: stranger, Segment: s.ID},
	} {
		if _, err := l.Relocate(t.Context(), []ledger.Relocation{m}); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
	for name, m := range map[string]ledger.Relocation{
		"a segment that is being written": {Document: docs[2], Segment: writing.ID},
		"no such segment":                 {Document: docs[2], Segment: 99},
		"where it lies":                   {Document: byID(t, l, docs[1]), Segment: s.ID, Row: 1},
	} {
		if n := relocate(t, l, m); n != 0 {
			t.Errorf("%s: it was relocated", name)
		}
	}
	if _, _, err := l.StartErasure(t.Context(), docs[2:], ledger.AuditEntry{At: noon}); err != nil {
		t.Fatal(err)
	}
	if n := relocate(t, l, ledger.Relocation{Document: docs[2], Segment: s.ID}); n != 0 {
		t.Error("what is being erased was relocated")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Relocate(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Relocate of nothing = %v", err)
	}
}

func TestRecount(t *testing.T) {
	path := newPath(t)
	l := open(t, path)
	archived(t, l, "u", 3)
	if wrong, err := l.Recount(t.Context()); len(wrong) > 0 || err != nil {
		t.Errorf("Recount = %v, %v, where nothing is wrong", wrong, err)
	}
	want, err := l.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "UPDATE totals SET documents = 7, bytes = 1"); err != nil {
		t.Fatal(err)
	}
	wrong, err := l.Recount(t.Context())
	if err != nil || len(wrong) != 1 || wrong[0].Counted != 7 || wrong[0].Documents != 3 {
		t.Errorf("Recount = %+v, %v", wrong, err)
	}
	got, err := l.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "Counts", got, want)
	wantNoDrift(t, l)
}

// What was erased, and is found in a segment again, is to be erased from that too.
func TestWhatWasErasedIsErasedAgain(t *testing.T) {
	l := open(t, newPath(t))
	docs := archived(t, l, "u", 2)
	entry := ledger.AuditEntry{At: noon}
	if _, _, err := l.StartErasure(t.Context(), docs, entry); err != nil {
		t.Fatal(err)
	}
	if err := l.EndErasure(t.Context(), docs, entry); err != nil {
		t.Fatal(err)
	}
	s := ledger.Segment{Key: "s", User: "u", Month: monthOf(noon), Rows: 1, Created: noon}
	if n, err := l.AdoptSegment(t.Context(), ledger.Adopted{Segment: s, Documents: docs[:1]}); n != 0 || err != nil {
		t.Fatalf("AdoptSegment = %d, %v", n, err)
	}
	if err := l.EraseAgain(t.Context(), docs[1:]); err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		if now := byID(t, l, d); now.State != ledger.Deleting {
			t.Errorf("%s is %s, want it Deleting", d.Key, now.State)
		}
	}
	in, err := l.ErasingSegments(t.Context(), "u")
	if err != nil || len(in) != 1 || in[0].Key != "s" {
		t.Errorf("ErasingSegments = %+v, %v", in, err)
	}
	stored := archived(t, l, "w", 1)
	if err := l.EraseAgain(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	if now := byID(t, l, stored[0]); now.State != ledger.Stored {
		t.Errorf("what was never erased is %s", now.State)
	}
	wantNoDrift(t, l)
}
