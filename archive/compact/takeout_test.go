package compact_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"logstow/archive/compact"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/layout"
)

// takeAllOut takes every document out, one by one.
func takeAllOut(t *testing.T, w *packed) error {
	t.Helper()
	for _, d := range w.docs {
		got, err := compact.TakeOut(t.Context(), w.config(), d)
		if err != nil {
			return err
		}
		if got.Segment != 0 || got.SegmentRow != 0 || got.ID != d.ID {
			t.Errorf("TakeOut(%s) = %+v, want it to lie under its own key", d.Key, got)
		}
	}
	return nil
}

func TestTakeOut(t *testing.T) {
	for name, inputs := range map[string]bool{"": false, "inputs": true} {
		t.Run(name, func(t *testing.T) {
			w := newPacked(t, newMemory(), 12)
			s := w.pack(t, w.docs)
			if !inputs {
				w.removeInputs(t, s)
			}
			if err := takeAllOut(t, w); err != nil {
				t.Fatal(err)
			}
			w.wantOut(t)
			for _, d := range w.docs {
				if copies, err := w.ledger.Copies(t.Context(), d.ID); err != nil || len(copies) != 1 || copies[0].ID != s.ID {
					t.Errorf("Copies(%s) = %v, %v, want the segment", d.Key, copies, err)
				}
			}
			if n, err := w.ledger.Inputs(t.Context(), s.ID); n != 0 || err != nil {
				t.Errorf("Inputs = %d, %v, want none", n, err)
			}
			w.store.Reset()
			if err := takeAllOut(t, w); err != nil || len(w.store.Calls()) > 0 {
				t.Errorf("once more: %v with calls %v, want none", err, w.store.Calls())
			}
		})
	}
}

func TestTakeOutWithFaults(t *testing.T) {
	for name, inputs := range map[string]bool{"": false, "inputs": true} {
		t.Run(name, func(t *testing.T) {
			eachFault(t, func(t *testing.T) *packed {
				w := newPacked(t, newMemory(), 2)
				if s := w.pack(t, w.docs); !inputs {
					w.removeInputs(t, s)
				}
				return w
			}, takeAllOut, func(t *testing.T, w *packed) { w.wantOut(t) })
		})
	}
}

// Of a bucket that keeps versions, a document's object is put again over the marker
// of the one that went.
func TestTakeOutOnVersions(t *testing.T) {
	w := newPacked(t, memstore.NewVersioned(), 2)
	w.removeInputs(t, w.pack(t, w.docs))
	if err := takeAllOut(t, w); err != nil {
		t.Fatal(err)
	}
	w.wantOut(t)
}

func TestTakeOutOfOtherContent(t *testing.T) {
	w := newPacked(t, newMemory(), 1)
	w.removeInputs(t, w.pack(t, w.docs))
	d := w.docs[0]
	if err := w.inner.Put(t.Context(), d.Key, store.Bytes([]byte("other")), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := compact.TakeOut(t.Context(), w.config(), d)
	if !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), d.Key) || !strings.Contains(err.Error(), d.SHA256.String()) {
		t.Errorf("TakeOut over other content = %v, want fs.ErrExist that names %s and %s", err, d.Key, d.SHA256)
	}
	if docs, err := w.ledger.ByJob(t.Context(), "5", d.Job); err != nil || docs[0].Segment == 0 {
		t.Errorf("ByJob = %+v, %v, want it to lie in the segment", docs, err)
	}
}

func TestTakeOutOfWhatIsGone(t *testing.T) {
	w := newPacked(t, newMemory(), 1)
	w.pack(t, w.docs)
	if _, _, err := w.ledger.StartErasure(t.Context(), w.docs[:1], ledger.AuditEntry{Action: "delete"}); err != nil {
		t.Fatal(err)
	}
	if _, err := compact.TakeOut(t.Context(), w.config(), w.docs[0]); !errors.Is(err, ledger.ErrMoved) {
		t.Errorf("TakeOut = %v, want ErrMoved", err)
	}
}

// claimed has one document in a segment whose object somebody is removing.
func claimed(t *testing.T) (*packed, []ledger.Document) {
	t.Helper()
	w := newPacked(t, newMemory(), 1)
	s := w.pack(t, w.docs)
	docs, err := w.ledger.ClaimInputs(t.Context(), s.ID, packedAt, time.Minute, 10)
	if err != nil || len(docs) != 2 {
		t.Fatalf("ClaimInputs = %v, %v, want 2", docs, err)
	}
	return w, docs
}

// TakeOut waits while somebody removes the object, and puts it anew.
func TestTakeOutWaits(t *testing.T) {
	w, docs := claimed(t)
	waiting := make(chan bool, 100)
	w.fault = func(op string, _ ledger.Phase) error {
		if op == "input" {
			select {
			case waiting <- true:
			default:
			}
		}
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- takeAllOut(t, w) }()
	for range 12 { // more than when it doesn't wait but looks again
		select {
		case <-waiting:
		case err := <-done:
			t.Fatalf("TakeOut = %v while the object was being removed", err)
		}
	}
	for _, d := range docs {
		if err := store.Remove(t.Context(), w.inner, nil, d.Key, layout.Meta(d.Key)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.ledger.EndInputs(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w.wantOut(t)
}

func TestTakeOutIsInterrupted(t *testing.T) {
	w, _ := claimed(t)
	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	w.fault = func(op string, phase ledger.Phase) error {
		if op == "input" && phase == ledger.Before {
			if seen++; seen == 2 {
				cancel()
			}
		}
		return nil
	}
	if _, err := compact.TakeOut(ctx, w.config(), w.docs[0]); !errors.Is(err, context.Canceled) {
		t.Errorf("TakeOut = %v, want context.Canceled", err)
	}
}

// What somebody began to remove and never finished is finished.
func TestTakeOutAfterAStaleClaim(t *testing.T) {
	for _, at := range []time.Duration{16 * time.Minute, -time.Hour} {
		w, docs := claimed(t)
		w.now = func() time.Time { return packedAt.Add(at) }
		if err := w.inner.Put(t.Context(), docs[0].Key, store.Bytes([]byte("what a removal left")), store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := w.inner.Delete(t.Context(), docs[1].Key); err != nil {
			t.Fatal(err)
		}
		if err := takeAllOut(t, w); err != nil {
			t.Fatal(err)
		}
		w.wantOut(t)
	}
}

// Between the look at an object that is an input and what is recorded of it,
// somebody removes it.
func TestTakeOutRacesARemoval(t *testing.T) {
	w := newPacked(t, newMemory(), 2)
	s := w.pack(t, w.docs)
	removed := false
	w.fault = func(op string, phase ledger.Phase) error {
		if op == "keep input" && phase == ledger.Before && !removed {
			removed = true
			w.removeInputs(t, s)
		}
		return nil
	}
	if err := takeAllOut(t, w); err != nil || !removed {
		t.Fatalf("TakeOut = %v, removed meanwhile: %v", err, removed)
	}
	w.wantOut(t)
}

// Before a segment is opened its documents were moved on to another, and it is
// gone.
func TestTakeOutFollows(t *testing.T) {
	w := newPacked(t, newMemory(), 3)
	first := w.pack(t, w.docs[:2])
	w.removeInputs(t, first)
	moved := false
	w.fault = func(op string, phase ledger.Phase) error {
		if op == "segment" && phase == ledger.After && !moved {
			moved = true
			w.removeInputs(t, w.pack(t, w.docs, first.ID))
			c := w.config()
			c.Store = w.inner
			return compact.RemoveSegment(t.Context(), c, first)
		}
		return nil
	}
	if err := takeAllOut(t, w); err != nil || !moved {
		t.Fatalf("TakeOut = %v, moved meanwhile: %v", err, moved)
	}
	w.wantOut(t)
}

// Of two that find a claim stale one removes what it is of, and the other does not
// remove what the first has put there since.
func TestTakeOutIsOvertaken(t *testing.T) {
	w := newPacked(t, newMemory(), 3)
	s := w.pack(t, w.docs)
	if docs, err := w.ledger.ClaimInputs(t.Context(), s.ID, packedAt, time.Hour, 10); err != nil || len(docs) != len(w.docs) {
		t.Fatalf("ClaimInputs = %v, %v", docs, err)
	}
	w.now = func() time.Time { return packedAt.Add(time.Hour) }
	overtaken := false
	w.fault = func(op string, phase ledger.Phase) error {
		if op == "renew inputs" && phase == ledger.Before && !overtaken {
			overtaken = true
			c := w.config()
			c.Store = w.inner
			if _, err := compact.Restore(t.Context(), c, ledger.Query{}, nil); err != nil {
				return err
			}
		}
		return nil
	}
	w.store.Reset()
	if err := takeAllOut(t, w); err != nil || !overtaken || w.deletes() != 0 {
		t.Errorf("TakeOut: %v, overtaken: %v, %d deletions, want none", err, overtaken, w.deletes())
	}
	w.wantOut(t)
}

// What was put under a document's own key by who died before it lay there is an input,
// and goes as others do.
func TestTakeOutIsKilled(t *testing.T) {
	for _, together := range []bool{false, true} {
		w := newPacked(t, newMemory(), 3)
		w.removeInputs(t, w.pack(t, w.docs))
		w.fault = func(op string, phase ledger.Phase) error {
			if op == "keep input" && phase == ledger.Before {
				return errors.New("killed")
			}
			return nil
		}
		take := takeAllOut
		if together {
			take = everything
		}
		if err := take(t, w); err == nil {
			t.Fatal("there was no fault")
		}
		w.fault = nil
		if left := w.below(t, "5/"); len(left) == 0 {
			t.Error("nothing was put")
		}
		r := newRunner(w)
		r.run(t)
		if left := w.below(t, "5/", layout.Meta("5/")); len(left) > 0 {
			t.Errorf("all at once: %t: %v is left for good", together, left)
		}
	}
}
