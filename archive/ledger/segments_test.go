package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"logstow/archive/ledger"
)

// pack has documents lie in a new segment.
func pack(t *testing.T, l *ledger.Ledger, key string, docs ...ledger.Document) ledger.Packed {
	t.Helper()
	p := begin(t, l, key, docs...)
	if err := l.CommitSegments(t.Context(), []ledger.Packed{p}, nil, noon, noon); err != nil {
		t.Fatal(err)
	}
	return p
}

func begin(t *testing.T, l *ledger.Ledger, key string, docs ...ledger.Document) ledger.Packed {
	t.Helper()
	s, err := l.BeginSegment(t.Context(), ledger.Segment{Key: key, User: docs[0].User, Month: monthOf(docs[0].Time), Created: noon})
	if err != nil {
		t.Fatal(err)
	}
	s.Rows, s.Size, s.SHA256 = int64(len(docs)), 1, hash(key)
	return ledger.Packed{Segment: s, Documents: ids(docs)}
}

// archived commits verified documents, and returns them as they are recorded.
func archived(t *testing.T, l *ledger.Ledger, user string, n int) []ledger.Document {
	t.Helper()
	var b ledger.Batch
	for i := range n {
		d := job(user, fmt.Sprint(i), "a")
		d.Verified = true
		b.Documents = append(b.Documents, d)
	}
	last := int64(len(all(t, l.Recorded(t.Context(), 0, 1<<40))))
	commit(t, l, b)
	return all(t, l.Recorded(t.Context(), last, 1<<40))
}

// What was adopted in a segment and never compared is not moved by a record that
// comes again.
func TestWhatLiesInASegmentStaysAsItIs(t *testing.T) {
	l := open(t, newPath(t))
	d := job("u", "1", "a")
	d.Key = "old"
	month := monthOf(noon)
	s := ledger.Segment{Key: "s", User: "u", Month: month, Rows: 1, Created: noon}
	if n, err := l.AdoptSegment(t.Context(), ledger.Adopted{Segment: s, Documents: []ledger.Document{d}}); n != 1 || err != nil {
		t.Fatalf("AdoptSegment = %d, %v, want 1", n, err)
	}
	want := all(t, l.Documents(t.Context(), ledger.Query{}))
	again := d
	again.Key, again.Verified, again.Size, again.SHA256 = "new", true, 5, hash("other")
	commit(t, l, ledger.Batch{Documents: []ledger.Document{again}})
	equal(t, "Documents", all(t, l.Documents(t.Context(), ledger.Query{})), want)
	if want[0].Segment != 1 || want[0].Key != "old" {
		t.Errorf("it is %+v, want it in the segment", want[0])
	}
}

func TestWhatCannotBeASegmentIsRefused(t *testing.T) {
	l := open(t, newPath(t))
	docs := archived(t, l, "u", 2)
	other := archived(t, l, "v", 1)[0]
	month := monthOf(noon)
	good := begin(t, l, "good", docs...)
	for name, s := range map[string]ledger.Segment{
		"no key":      {User: "u", Month: month},
		"no user":     {Key: "k", Month: month},
		"mid-month":   {Key: "k", User: "u", Month: month.Add(time.Second)},
		"other zone":  {Key: "k", User: "u", Month: time.Date(2024, 2, 1, 0, 0, 0, 0, time.FixedZone("", 3600))},
		"another day": {Key: "k", User: "u", Month: month.AddDate(0, 0, 1)},
	} {
		refused(t, "BeginSegment, "+name, func(ctx context.Context) error { _, err := l.BeginSegment(ctx, s); return err })
		refused(t, "AdoptSegment, "+name, func(ctx context.Context) error {
			_, err := l.AdoptSegment(ctx, ledger.Adopted{Segment: s})
			return err
		})
	}
	later := docs[0]
	later.Time = month.AddDate(0, 1, 0)
	for name, a := range map[string]ledger.Adopted{
		"rows":      {Segment: ledger.Segment{Key: "k", User: "u", Month: month, Rows: 1}, Documents: docs},
		"month":     {Segment: ledger.Segment{Key: "k", User: "u", Month: month, Rows: 1}, Documents: []ledger.Document{later}},
		"user":      {Segment: ledger.Segment{Key: "k", User: "u", Month: month, Rows: 1}, Documents: []ledger.Document{other}},
		"no hashes": {Segment: ledger.Segment{Key: "k", User: "u", Month: month, Rows: 1}, Documents: []ledger.Document{{User: "u"}}},
	} {
		refused(t, "AdoptSegment, "+name, func(ctx context.Context) error { _, err := l.AdoptSegment(ctx, a); return err })
	}
	commits := map[string]ledger.Packed{"rows": good, "none": good, "user": good}
	for name, p := range commits {
		switch name {
		case "rows":
			p.Segment.Rows++
		case "none":
			p.Segment.Rows, p.Documents = 0, nil
		case "user":
			p.Documents = []int64{docs[0].ID, other.ID}
		}
		refused(t, "CommitSegments, "+name, func(ctx context.Context) error {
			return l.CommitSegments(ctx, []ledger.Packed{p}, nil, noon, noon)
		})
	}
	equal(t, "what is loose after all that", len(all(t, l.Loose(t.Context(), ledger.Month{User: "u", First: month}))), 2)
	equal(t, "Segments after all that", len(must(l.Segments(t.Context(), ledger.SegmentQuery{}))(t)), 1)
}

// refused checks that a call is an error that isn't ErrMoved: trying again doesn't
// help.
func refused(t *testing.T, what string, call func(ctx context.Context) error) {
	t.Helper()
	if err := call(t.Context()); err == nil || errors.Is(err, ledger.ErrMoved) {
		t.Errorf("%s = %v, want an error that isn't ErrMoved", what, err)
	}
}

// A document twice in what is packed lies in one row alone.
func TestNoDocumentLiesInTwoRows(t *testing.T) {
	l := open(t, newPath(t))
	d := archived(t, l, "u", 1)[0]
	p := begin(t, l, "s", d, d)
	refused(t, "CommitSegments with a document twice", func(ctx context.Context) error {
		return l.CommitSegments(ctx, []ledger.Packed{p}, nil, noon, noon)
	})
	equal(t, "what is loose", all(t, l.Loose(t.Context(), ledger.Month{User: "u", First: monthOf(noon)})), []ledger.Document{d})
}

// Whoever still has the ID of a segment that is gone doesn't take another for it.
func TestIDsOfSegmentsAreNotGivenOutAgain(t *testing.T) {
	l := open(t, newPath(t))
	d := archived(t, l, "u", 1)[0]
	seen := map[int64]bool{}
	for range 5 {
		id := begin(t, l, "s", d).Segment.ID
		if seen[id] {
			t.Errorf("the ID %d was given out twice", id)
		}
		seen[id] = true
		if _, err := l.StartSegmentRemoval(t.Context(), id, noon); err != nil {
			t.Fatal(err)
		}
		if _, err := l.BeginSegment(t.Context(), ledger.Segment{Key: "s", User: "u", Month: monthOf(noon)}); !errors.Is(err, ledger.ErrMoved) {
			t.Errorf("BeginSegment at the key of one that is to go = %v, want ErrMoved", err)
		}
		if err := l.EndSegmentRemoval(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
}

// The errors say which segment and which document, and why.
func TestErrMovedSaysWhatAndWhy(t *testing.T) {
	l := open(t, newPath(t))
	docs := archived(t, l, "u", 4)
	p := pack(t, l, "a segment", docs[:2]...)
	next, last := begin(t, l, "the next", docs...), begin(t, l, "the last", docs[3])
	late := begin(t, l, "too late", docs[2])
	for want, call := range map[string]func() error{
		"document " + docs[0].Key + ": changed meanwhile: it lies in segment 1, at row 0": func() error {
			return l.CommitSegments(t.Context(), []ledger.Packed{next}, nil, noon, noon)
		},
		"segment a segment: changed meanwhile: 2 documents lie in it": func() error {
			_, err := l.StartSegmentRemoval(t.Context(), p.Segment.ID, noon)
			return err
		},
		"document " + docs[1].Key + ": changed meanwhile: it lies in segment 1, at row 1": func() error {
			other := p
			other.Documents = []int64{docs[1].ID, docs[0].ID}
			return l.CommitSegments(t.Context(), []ledger.Packed{other}, nil, noon, noon)
		},
		"document " + docs[3].Key + ": changed meanwhile: it is deleting": func() error {
			if _, _, err := l.StartErasure(t.Context(), docs[3:], ledger.AuditEntry{}); err != nil {
				return err
			}
			return l.CommitSegments(t.Context(), []ledger.Packed{last}, nil, noon, noon)
		},
		"segment a segment: changed meanwhile: it is not another": func() error {
			other := p
			other.Segment.Key = "another"
			return l.CommitSegments(t.Context(), []ledger.Packed{other}, nil, noon, noon)
		},
		"segment a segment: changed meanwhile: its file is another one": func() error {
			other := p
			other.Segment.SHA256 = hash("another")
			return l.CommitSegments(t.Context(), []ledger.Packed{other}, nil, noon, noon)
		},
		"segment too late: changed meanwhile: it is deleting": func() error {
			if _, err := l.StartSegmentRemoval(t.Context(), late.Segment.ID, noon); err != nil {
				return err
			}
			return l.CommitSegments(t.Context(), []ledger.Packed{late}, nil, noon, noon)
		},
		"segment 77: changed meanwhile: it is gone": func() error {
			_, err := l.StartSegmentRemoval(t.Context(), 77, noon)
			return err
		},
		"segment a segment: changed meanwhile: it is stored": func() error { return l.EndSegmentRemoval(t.Context(), p.Segment.ID) },
	} {
		if err := call(); !errors.Is(err, ledger.ErrMoved) || !strings.Contains(err.Error(), want) {
			t.Errorf("it says %q, want %q in it", err, want)
		}
	}
}

// A claim counts until it is stale, and so does one of a time that is not far
// ahead: clocks differ.
func TestClaimsOfInputsLapse(t *testing.T) {
	l := open(t, newPath(t))
	p := pack(t, l, "s", archived(t, l, "u", 1)...)
	for _, c := range []struct {
		since time.Duration // the last claim
		want  int
	}{{0, 1}, {time.Hour - time.Millisecond, 0}, {time.Hour, 1}, {0, 0}, {-time.Hour, 0}, {-time.Hour - time.Millisecond, 1}} {
		_, last, err := l.Input(t.Context(), p.Documents[0])
		if err != nil {
			t.Fatal(err)
		}
		if last.IsZero() {
			last = noon
		}
		now := last.Add(c.since)
		got, err := l.ClaimInputs(t.Context(), p.Segment.ID, now, time.Hour, 9)
		if err != nil || len(got) != c.want {
			t.Errorf("claimed %s after the last claim: %d inputs, %v, want %d", c.since, len(got), err, c.want)
		}
	}
}

// Who renews claims has them for another while, all or none, and nobody else has.
func TestClaimsOfInputsAreRenewed(t *testing.T) {
	l := open(t, newPath(t))
	p := pack(t, l, "s", archived(t, l, "u", 3)...)
	docs := must(l.ClaimInputs(t.Context(), p.Segment.ID, noon, time.Hour, 3))(t)
	later := noon.Add(time.Minute)
	for _, was := range []time.Time{later, noon.Add(time.Millisecond), {}} {
		if err := l.RenewInputs(t.Context(), docs, was, later); !errors.Is(err, ledger.ErrMoved) {
			t.Errorf("renewed as if claimed %s: %v, want ErrMoved", was, err)
		}
	}
	if err := l.RenewInputs(t.Context(), docs[:1], noon, later); err != nil {
		t.Fatal(err)
	}
	if err := l.RenewInputs(t.Context(), docs, noon, later); !errors.Is(err, ledger.ErrMoved) {
		t.Errorf("one is renewed already: %v, want ErrMoved", err)
	}
	for i, want := range []time.Time{later, noon, noon} {
		if _, claimed, err := l.Input(t.Context(), docs[i].ID); err != nil || !claimed.Equal(want) {
			t.Errorf("input %d is claimed %s, %v, want %s", i, claimed, err, want)
		}
	}
	equal(t, "stale claims", len(must(l.ClaimInputs(t.Context(), p.Segment.ID, noon.Add(time.Hour), time.Hour, 9))(t)), 2)
}

// What is to be put beside a segment is an input of it before, unless something is no
// longer in it.
func TestInputsAreAdded(t *testing.T) {
	l := open(t, newPath(t))
	p := pack(t, l, "s", archived(t, l, "u", 3)...)
	docs := must(l.ClaimInputs(t.Context(), p.Segment.ID, noon, time.Hour, 3))(t)
	if err := l.EndInputs(t.Context(), docs[:2]); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it may be repeated
		if err := l.AddInputs(t.Context(), docs[1:]); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []struct {
		is      bool
		claimed time.Time
	}{{}, {is: true}, {true, noon}} {
		if is, claimed, err := l.Input(t.Context(), docs[i].ID); err != nil || is != want.is || !claimed.Equal(want.claimed) {
			t.Errorf("Input(%d) = %t, %s, %v, want %t, %s", i, is, claimed, err, want.is, want.claimed)
		}
	}
	for i, why := range map[int]string{0: "is no input", 2: "somebody is removing"} {
		if err := l.KeepInput(t.Context(), docs[i]); !errors.Is(err, ledger.ErrMoved) {
			t.Errorf("KeepInput of what %s = %v, want ErrMoved", why, err)
		}
	}
	if err := l.KeepInput(t.Context(), docs[1]); err != nil {
		t.Fatal(err)
	}
	if err := l.AddInputs(t.Context(), docs[:2]); !errors.Is(err, ledger.ErrMoved) {
		t.Errorf("one was taken out: %v, want ErrMoved", err)
	}
	if is, _, err := l.Input(t.Context(), docs[0].ID); is || err != nil {
		t.Errorf("Input of the other = %t, %v, want none", is, err)
	}
}

// What was taken out of a segment may lie in it again: then it is no copy there.
func TestTakenOutAndBack(t *testing.T) {
	l := open(t, newPath(t))
	docs := archived(t, l, "u", 2)
	p := pack(t, l, "s", docs...)
	d := must(l.InSegment(t.Context(), p.Segment.ID))(t)[1]
	if err := l.KeepInput(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if copies := must(l.Copies(t.Context(), d.ID))(t); len(copies) != 1 || copies[0].ID != p.Segment.ID {
		t.Errorf("Copies of what was taken out = %+v, want the segment", copies)
	}
	if is, _, err := l.Input(t.Context(), d.ID); is || err != nil {
		t.Errorf("Input of what was taken out = %t, %v, want none", is, err)
	}
	if err := l.CommitSegments(t.Context(), []ledger.Packed{p}, nil, noon, noon); err != nil {
		t.Fatal(err)
	}
	equal(t, "InSegment", must(l.InSegment(t.Context(), p.Segment.ID))(t)[1], d)
	equal(t, "Copies of what is back", len(must(l.Copies(t.Context(), d.ID))(t)), 0)
	if is, _, err := l.Input(t.Context(), d.ID); !is || err != nil {
		t.Errorf("Input of what is back = %t, %v, want one", is, err)
	}
}
