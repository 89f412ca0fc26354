package compact_test

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"testing"
	"time"

	"logstow/archive/compact"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/layout"
)

// wantCopies wants a segment to hold a copy of each of these documents, which no other
// does, and to have no inputs.
func (w *packed) wantCopies(t *testing.T, s ledger.Segment, docs []ledger.Document) {
	t.Helper()
	for _, d := range docs {
		if copies, err := w.ledger.Copies(t.Context(), d.ID); err != nil || len(copies) != 1 || copies[0].ID != s.ID {
			t.Errorf("Copies(%s) = %v, %v, want %s", d.Key, copies, err, s.Key)
		}
	}
	if n, err := w.ledger.Inputs(t.Context(), s.ID); n != 0 || err != nil {
		t.Errorf("Inputs(%s) = %d, %v, want none", s.Key, n, err)
	}
}

// Of a bucket that keeps versions, a document's object is put again over the marker
// of the one that went.
func TestRestoreOnVersions(t *testing.T) {
	w := newPacked(t, memstore.NewVersioned(), 2)
	w.removeInputs(t, w.pack(t, w.docs))
	if err := everything(t, w); err != nil {
		t.Fatal(err)
	}
	w.wantOut(t)
}

// oneByOne restores all, one document at a time.
func oneByOne(t *testing.T, w *packed) (compact.Restored, error) {
	t.Helper()
	c := w.config()
	c.Concurrency = 1
	return compact.Restore(t.Context(), c, ledger.Query{}, nil)
}

// While all is restored one document begins to be erased, once at each call of the
// ledger that may see it. It stays where it lies, what was put of it goes like any
// input, and everything else is restored.
func TestRestoreOfWhatIsErasedMeanwhile(t *testing.T) {
	for _, op := range []string{"documents", "segment", "in segment", "add inputs", "input", "keep input"} {
		t.Run(op, func(t *testing.T) {
			w := newPacked(t, newMemory(), 3)
			s := w.pack(t, w.docs)
			w.removeInputs(t, s)
			gone, erased := w.docs[0], false
			w.fault = func(o string, phase ledger.Phase) error {
				if o == op && phase == ledger.Before && !erased {
					erased = true
					w.erase(t, gone)
				}
				return nil
			}
			if did, err := oneByOne(t, w); err != nil || !erased || did.Documents != 3 || did.Left != 0 {
				t.Fatalf("Restore = %+v, %v, erased meanwhile: %t; want 3 and none left", did, err, erased)
			}
			in, err := w.ledger.InSegment(t.Context(), s.ID)
			if err != nil || len(in) != 1 || in[0].ID != gone.ID || in[0].State != ledger.Deleting {
				t.Errorf("InSegment = %+v, %v, want what is being erased", in, err)
			}
			w.removeInputs(t, s)
			w.wantOut(t)
		})
	}
}

// claimed has two versions of a job in a segment, whose objects somebody is removing.
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

// Restore waits while somebody removes the objects, and puts them anew.
func TestRestoreWaits(t *testing.T) {
	w, docs := claimed(t)
	waiting := make(chan bool, 100)
	w.fault = func(op string, phase ledger.Phase) error {
		if op == "input" && phase == ledger.Before {
			select {
			case waiting <- true:
			default:
			}
		}
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- everything(t, w) }()
	for range 32 { // more than when it doesn't wait but looks again
		select {
		case <-waiting:
		case err := <-done:
			t.Fatalf("Restore = %v while the objects were being removed", err)
		}
	}
	w.endInputs(t, docs)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w.wantOut(t)
}

func TestRestoreIsInterrupted(t *testing.T) {
	w, _ := claimed(t)
	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	w.fault = func(op string, phase ledger.Phase) error {
		if op == "input" && phase == ledger.After {
			if seen++; seen == 2 {
				cancel()
			}
		}
		return nil
	}
	c := w.config()
	c.Concurrency = 1
	if did, err := compact.Restore(ctx, c, ledger.Query{}, nil); !errors.Is(err, context.Canceled) || did.Left != 0 {
		t.Errorf("Restore = %+v, %v, want none left and context.Canceled", did, err)
	}
}

// What somebody began to remove and never finished is finished.
func TestRestoreAfterAStaleClaim(t *testing.T) {
	for _, at := range []time.Duration{16 * time.Minute, -time.Hour} {
		w, docs := claimed(t)
		w.now = func() time.Time { return packedAt.Add(at) }
		if err := w.inner.Put(t.Context(), docs[0].Key, store.Bytes([]byte("what a removal left")), store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := w.inner.Delete(t.Context(), docs[1].Key); err != nil {
			t.Fatal(err)
		}
		if err := everything(t, w); err != nil {
			t.Fatal(err)
		}
		w.wantOut(t)
	}
}

// Between the look at an object that is an input and what is recorded of it,
// somebody removes it, or begins to and goes on later.
func TestRestoreRacesARemoval(t *testing.T) {
	for _, then := range []string{"keep input", "input"} {
		t.Run(then, func(t *testing.T) {
			w := newPacked(t, newMemory(), 2)
			s := w.pack(t, w.docs)
			var docs []ledger.Document
			removed := false
			w.fault = func(op string, phase ledger.Phase) (err error) {
				if op == "keep input" && phase == ledger.Before && docs == nil {
					docs, err = w.ledger.ClaimInputs(t.Context(), s.ID, packedAt, time.Minute, 10)
				}
				if op == then && docs != nil && !removed {
					removed = true
					w.endInputs(t, docs)
				}
				return err
			}
			if did, err := oneByOne(t, w); err != nil || !removed || did.Documents != 3 {
				t.Fatalf("Restore = %+v, %v, removed meanwhile: %t; want 3", did, err, removed)
			}
			w.wantOut(t)
		})
	}
}

// Of two that find a claim stale one removes what it is of, and the other does not
// remove what the first has put there since.
func TestRestoreIsOvertaken(t *testing.T) {
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
	if did, err := oneByOne(t, w); err != nil || !overtaken || w.deletes() != 0 || did.Documents != 0 {
		t.Errorf("Restore = %+v, %v, overtaken: %t, %d deletions, want none of either", did, err, overtaken, w.deletes())
	}
	w.wantOut(t)
}

// What was put under a document's own key by who died before it lay there is an input,
// and goes as others do; also where another removed what was there just before.
func TestRestoreIsKilled(t *testing.T) {
	for _, meanwhile := range []bool{false, true} {
		w := newPacked(t, newMemory(), 3)
		s := w.pack(t, w.docs)
		if !meanwhile {
			w.removeInputs(t, s)
		}
		removed := !meanwhile
		w.fault = func(op string, phase ledger.Phase) error {
			if op == "input" && !removed {
				removed = true
				w.removeInputs(t, s)
			}
			if op == "keep input" && phase == ledger.Before {
				return errors.New("killed")
			}
			return nil
		}
		if _, err := oneByOne(t, w); err == nil || !removed {
			t.Fatalf("Restore = %v, removed: %t; want that it is killed", err, removed)
		}
		w.fault = nil
		if left := w.below(t, "5/"); len(left) == 0 {
			t.Error("nothing was put")
		}
		r := newRunner(w)
		r.run(t)
		if left := w.below(t, "5/", layout.Meta("5/")); len(left) > 0 {
			t.Errorf("removed meanwhile: %t: %v is left for good", meanwhile, left)
		}
	}
}

// What has other content under its own key is no input: what removes inputs leaves it.
func TestRestoreLeavesOtherContentAlone(t *testing.T) {
	for _, name := range []string{"the document", "what was done to it", "what was done to it, the document is there"} {
		t.Run(name, func(t *testing.T) {
			w := newPacked(t, newMemory(), 5)
			w.removeInputs(t, w.pack(t, w.docs))
			of := w.docs[slices.IndexFunc(w.docs, func(d ledger.Document) bool { return d.Changed != "" })]
			there := map[string]string{layout.Meta(of.Key): "other"}
			switch name {
			case "the document":
				there = map[string]string{of.Key: "other"}
			case "what was done to it, the document is there":
				there[of.Key] = w.objects[of.Key].Content
			}
			for key, content := range there {
				if err := w.inner.Put(t.Context(), key, store.Bytes([]byte(content)), store.PutOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			did, err := oneByOne(t, w)
			if !errors.Is(err, fs.ErrExist) || did.Documents != 5 || did.Left != 1 {
				t.Fatalf("Restore = %+v, %v, want 5 and one left for %v", did, err, fs.ErrExist)
			}
			c := w.config()
			c.After = func(*ledger.Document) (time.Duration, bool) { return 0, false }
			if _, err := compact.Run(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			for key, want := range there {
				if got := w.all(t)[key].Content; got != want {
					t.Errorf("%s holds %q once inputs are removed, want %q", key, got, want)
				}
			}
		})
	}
}
