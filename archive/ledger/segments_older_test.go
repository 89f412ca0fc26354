package ledger_test

import (
	"errors"
	"io/fs"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/layout"
)

// packOne has the first document of a ledger lie in a segment.
func packOne(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	first := all(t, l.Recorded(t.Context(), 0, 1))[0]
	s, err := l.BeginSegment(t.Context(), ledger.Segment{Key: "packed", User: first.User, Month: monthOf(first.Time), Created: noon})
	if err != nil {
		t.Fatal(err)
	}
	s.Rows = 1
	if err := l.CommitSegments(t.Context(), []ledger.Packed{{Segment: s, Documents: []int64{first.ID}}}, nil, noon, noon); err != nil {
		t.Fatal(err)
	}
	first.Segment = s.ID
	equal(t, "InSegment", must(l.InSegment(t.Context(), s.ID))(t), []ledger.Document{first})
}

// checkSegments checks what the fixtures have of segments, holds and marks.
func checkSegments(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	feb := monthOf(noon)
	stored := ledger.Segment{ID: 3, Key: "a segment", User: "u\x00", Month: feb, State: ledger.SegmentStored, Rows: 2, Size: 7, SHA256: hash("a"), Created: noon}
	replaced := ledger.Segment{ID: 4, Key: "another segment", User: "u\x00", Month: feb, State: ledger.SegmentReplaced, Rows: 1, Size: 8, SHA256: hash("a"), Created: noon, Due: noon.Add(time.Millisecond)}
	equal(t, "Segments", must(l.Segments(t.Context(), ledger.SegmentQuery{}))(t), []ledger.Segment{stored, replaced})
	expiring := ledger.Document{
		ID: 2, Kind: "job", User: "u\x00", Recipe: "recipe", Job: "2", Time: noon, Lines: -1, Key: "k2", Verified: true,
		InputHash: hash("a"), SHA256: hash("a"), InputSize: 5, Size: 5, State: ledger.Expiring, Segment: 3, SegmentRow: 1,
	}
	equal(t, "InSegment", must(l.InSegment(t.Context(), 3))(t), []ledger.Document{expiring})
	equal(t, "SegmentUse", must(l.SegmentUse(t.Context(), 3))(t), ledger.SegmentUse{Expiring: 1, Expired: noon})
	equal(t, "Copies", must(l.Copies(t.Context(), 1))(t), []ledger.Segment{stored})
	equal(t, "Inputs", must(l.Inputs(t.Context(), 3))(t), int64(1))
	if is, claimed, err := l.Input(t.Context(), 2); !is || !claimed.Equal(noon) || err != nil {
		t.Errorf("Input = %t, %s, %v, want one that was claimed at %s", is, claimed, err, noon)
	}
	next, err := l.BeginSegment(t.Context(), ledger.Segment{Key: "next", User: "u", Month: feb})
	if err != nil || next.ID != 6 {
		t.Errorf("BeginSegment = %+v, %v, want the ID 6", next, err)
	}
	active := ledger.Hold{ID: "000102030405060708090a0b0c0d0e0f", Scope: layout.Scope{User: "v", Statuses: []string{"failed"}}, By: "somebody", Reason: "a reason", Placed: noon}
	released := ledger.Hold{
		ID: "0f0e0d0c0b0a09080706050403020100", Scope: layout.Scope{Job: "1"}, By: "somebody", Reason: "a reason", Placed: noon.Add(time.Millisecond),
		Released: noon.Add(2 * time.Millisecond), ReleasedBy: "another", ReleaseReason: "another reason",
	}
	equal(t, "Holds", must(l.Holds(t.Context(), false))(t), []ledger.Hold{active, released})
	if owed := must(l.Owed(t.Context()))(t); len(owed) != 1 || owed[0].ID != 1 {
		t.Errorf("Owed = %+v, want the first", owed)
	}
	mark := ledger.Mark{Policy: "a policy", Marked: noon, Due: noon.Add(time.Millisecond)}
	equal(t, "MarksOf", must(l.MarksOf(t.Context(), []int64{1}))(t), map[int64]ledger.Mark{1: mark})
	mark.Due = noon
	equal(t, "Expiring", all(t, l.Expiring(t.Context())), []ledger.Marked{{Document: expiring, Mark: mark}})
	equal(t, "PolicyRuns", must(l.PolicyRuns(t.Context(), "a policy"))(t), []ledger.PolicyRun{{At: noon, Marked: 2}})
}

// A ledger that has no segments yet, opened for reading, has its documents under
// their own keys; when somebody has upgraded it, it has segments.
func TestLedgersWithoutSegmentsAreRead(t *testing.T) {
	for _, fixture := range []string{"testdata/v1.sql", "testdata/v3.sql"} {
		b, err := fixtures.ReadFile(fixture)
		if err != nil {
			t.Fatal(err)
		}
		path := newPath(t)
		execute(t, path, string(b))
		execute(t, path, "UPDATE documents SET verified = 1")
		l := openWith(t, ledger.Config{Path: path, ReadOnly: true})
		want := job("u\x00", "1", "a")
		want.ID, want.Verified = 1, true
		checkReads(t, l, want)
		month := ledger.Month{User: want.User, First: monthOf(noon), Documents: 1, Bytes: 98}
		equal(t, "LooseMonths", all(t, l.LooseMonths(t.Context(), "")), []ledger.Month{month})
		equal(t, "Loose", all(t, l.Loose(t.Context(), month)), []ledger.Document{want})
		checkNoSegments(t, l)
		if _, err := l.BeginSegment(t.Context(), ledger.Segment{Key: "k", User: "u", Month: monthOf(noon)}); err == nil {
			t.Error("BeginSegment on a ledger that is open for reading: no error")
		}

		packOne(t, open(t, path))
		want.Segment = 1
		checkReads(t, l, want)
		equal(t, "LooseMonths after it was packed", len(all(t, l.LooseMonths(t.Context(), ""))), 0)
		equal(t, "Loose after it was packed", len(all(t, l.Loose(t.Context(), month))), 0)
		equal(t, "Segments after it was packed", len(must(l.Segments(t.Context(), ledger.SegmentQuery{}))(t)), 1)
		equal(t, "Inputs after it was packed", must(l.Inputs(t.Context(), 1))(t), int64(1))
	}
}

// checkReads checks that everything that reads documents finds d, and it alone.
func checkReads(t *testing.T, l *ledger.Ledger, d ledger.Document) {
	t.Helper()
	want := []ledger.Document{d}
	equal(t, "Documents", all(t, l.Documents(t.Context(), ledger.Query{})), want)
	equal(t, "ByJob", must(l.ByJob(t.Context(), d.User, d.Job))(t), want)
	equal(t, "Versions", must(l.Versions(t.Context(), d.User, d.Job))(t), want)
	equal(t, "Recorded", all(t, l.Recorded(t.Context(), 0, 9)), want)
	place := ledger.Place{User: d.User, Job: d.Job, Key: d.Key}
	equal(t, "At", must(l.At(t.Context(), []ledger.Place{place}))(t), map[ledger.Place][]ledger.Document{place: want})
	equal(t, "Find", len(must(l.Find(t.Context(), []ledger.Ref{{User: d.User, Job: d.Job}}))(t)[0]), 1)
	equal(t, "Deleting", len(must(l.Deleting(t.Context()))(t)), 0)
}

func checkNoSegments(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	equal(t, "Segments", len(must(l.Segments(t.Context(), ledger.SegmentQuery{}))(t)), 0)
	equal(t, "InSegment", len(must(l.InSegment(t.Context(), 1))(t)), 0)
	equal(t, "SegmentUse", must(l.SegmentUse(t.Context(), 1))(t), ledger.SegmentUse{})
	equal(t, "Copies", len(must(l.Copies(t.Context(), 1))(t)), 0)
	equal(t, "Inputs", must(l.Inputs(t.Context(), 1))(t), int64(0))
	if is, _, err := l.Input(t.Context(), 1); is || err != nil {
		t.Errorf("Input = %t, %v, want none", is, err)
	}
	if _, err := l.Segment(t.Context(), 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Segment = %v, want fs.ErrNotExist", err)
	}
}
