package check_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/layout/jobfile"
)

// adopted is a world of the same store with a ledger made anew.
func (w *world) adopted(c archive.AdoptConfig) (*world, archive.AdoptSummary) {
	w.t.Helper()
	n := newWorld(w.t, w.store)
	n.was = w.was
	s, err := n.adopt(c)
	w.ok(err)
	return n, s
}

func (w *world) adopt(c archive.AdoptConfig) (archive.AdoptSummary, error) {
	w.t.Helper()
	reader, err := jobfile.NewReader(jobfile.Config{})
	w.ok(err)
	c.Store, c.Reader = unwritable{w.store, w.t}, reader
	if c.Ledger == nil {
		c.Ledger = w.ledger
	}
	return archive.Adopt(w.t.Context(), c)
}

// wantSame compares what two ledgers list, and what is read through them.
func wantSame(t *testing.T, s store.Store, old, anew *ledger.Ledger) {
	t.Helper()
	want, got := documents(t, old), documents(t, anew)
	same := cmpopts.IgnoreFields(ledger.Document{}, "ID", "Segment", "SegmentRow", "Source", "ArchivedAt")
	if d := cmp.Diff(want, got, same); d != "" {
		t.Fatalf("what a ledger made anew lists (-old +new):\n%s", d)
	}
	for i := range want {
		if !bytes.Equal(read(t, s, old, want[i]), read(t, s, anew, got[i])) {
			t.Errorf("%s is read as something else", want[i].Key)
		}
	}
	owed := func(l *ledger.Ledger) (keys []string) {
		docs, err := l.Owed(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range docs {
			keys = append(keys, d.Key)
		}
		return keys
	}
	if d := cmp.Diff(owed(old), owed(anew)); d != "" {
		t.Errorf("what is owed (-old +new):\n%s", d)
	}
	holdsOf := func(l *ledger.Ledger) []ledger.Hold {
		all, err := l.Holds(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if d := cmp.Diff(holdsOf(old), holdsOf(anew)); d != "" {
		t.Errorf("holds (-old +new):\n%s", d)
	}
}

// A ledger made anew from a store with everything in it says what the old one did.
func TestAdoptedLedgerSaysTheSame(t *testing.T) {
	w := newWorld(t, memstore.New())
	w.fillSegments()
	n, s := w.adopted(archive.AdoptConfig{})
	wantSame(t, w.store, w.ledger, n.ledger)
	n.want(thorough)
	if s.Segments == 0 || s.Damaged != 0 || s.Unknown != 0 || s.Adopted != int64(len(documents(t, w.ledger))) {
		t.Errorf("adopted %+v, with %d documents", s, len(documents(t, w.ledger)))
	}
	dry, err := newWorld(t, w.store).adopt(archive.AdoptConfig{DryRun: true})
	w.ok(err)
	ignored := cmpopts.IgnoreFields(archive.AdoptSummary{}, "DurationSeconds")
	if d := cmp.Diff(s, dry, ignored); d != "" {
		t.Errorf("a dry run (-run +dry):\n%s", d)
	}
	again, err := n.adopt(archive.AdoptConfig{})
	w.ok(err)
	want := archive.AdoptSummary{Listed: s.Listed, Quarantined: s.Quarantined, AlreadyRecorded: s.Adopted + s.Erased}
	if d := cmp.Diff(want, again, ignored); d != "" {
		t.Errorf("once more (-want +got):\n%s", d)
	}

	// And it is worked with as with the old one.
	n.compact(0)
	n.compact(0)
	if _, err := retain.EraseOwed(t.Context(), n.retention(), why()); err != nil {
		t.Fatal(err)
	}
	n.want(thorough)
	if d := cmp.Diff(len(documents(t, w.ledger)), len(documents(t, n.ledger))); d != "" {
		t.Error(d)
	}
	for _, d := range documents(t, n.ledger) {
		read(t, n.store, n.ledger, d)
	}
}
