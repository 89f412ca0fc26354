package compact_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"logstow/archive/compact"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
	"logstow/layout/segment"
)

// everything restores all.
func everything(t *testing.T, w *packed) error {
	t.Helper()
	_, err := compact.Restore(t.Context(), w.config(), ledger.Query{}, nil)
	return err
}

// gets is how many reads of segments there were.
func (w *packed) gets() (n int) {
	for _, call := range w.store.Calls() {
		if call.Method == "Get" && strings.HasPrefix(call.Key, layout.Segments) {
			n++
		}
	}
	return n
}

func TestRestore(t *testing.T) {
	w := newPacked(t, newMemory(), 60)
	alone, both := w.pack(t, w.docs[:40]), w.pack(t, w.docs[40:55])
	w.removeInputs(t, alone)
	w.store.Reset()
	shown := compact.Restored{}
	did, err := compact.Restore(t.Context(), w.config(), ledger.Query{User: "5"}, func(r compact.Restored) { shown = r })
	if err != nil || did.Documents != 55 || did.AlreadyThere != 6 || did.Left != 0 || did.Bytes == 0 {
		t.Errorf("Restore = %+v, %v, want 55 and 6 that were there", did, err)
	}
	if shown != did {
		t.Errorf("the last progress is %+v, want %+v", shown, did)
	}
	w.wantOut(t)
	w.wantCopies(t, alone, w.docs[:40])
	w.wantCopies(t, both, w.docs[40:55])
	w.store.Reset()
	if did, err = compact.Restore(t.Context(), w.config(), ledger.Query{User: "5"}, nil); err != nil || did.Documents != 0 || did.AlreadyThere != 61 {
		t.Errorf("once more: Restore = %+v, %v, want 61 that were there", did, err)
	}
	if calls := w.store.Calls(); len(calls) > 0 {
		t.Errorf("once more: calls %v, want none", calls)
	}
}

// Documents that are large for the budget pass one by one.
func TestRestoreWithinABudget(t *testing.T) {
	w := newPacked(t, newMemory(), 20)
	w.removeInputs(t, w.pack(t, w.docs))
	c := w.config()
	c.Budget, c.Concurrency = 1, 3
	if _, err := compact.Restore(t.Context(), c, ledger.Query{}, nil); err != nil {
		t.Fatal(err)
	}
	w.wantOut(t)
}

func TestRestoreOfSome(t *testing.T) {
	w := newPacked(t, newMemory(), 20)
	s := w.pack(t, w.docs)
	did, err := compact.Restore(t.Context(), w.config(), ledger.Query{Recipe: "1"}, nil)
	if err != nil || did.Documents != 10 {
		t.Errorf("Restore = %+v, %v, want 10", did, err)
	}
	use, err := w.ledger.SegmentUse(t.Context(), s.ID)
	if err != nil || use.Stored != 11 {
		t.Errorf("SegmentUse = %+v, %v, want 11 that stayed", use, err)
	}
}

func TestRestoreWithFaults(t *testing.T) {
	for name, n := range map[string]struct{ jobs, alone int }{
		"in a segment alone":        {2, 3},
		"some under their own keys": {2, 1},
		"many":                      {9, 10},
	} {
		t.Run(name, func(t *testing.T) {
			eachFault(t, func(t *testing.T) *packed {
				w := newPacked(t, newMemory(), n.jobs)
				w.removeInputs(t, w.pack(t, w.docs[:n.alone]))
				if inputs := w.docs[n.alone:]; len(inputs) > 0 {
					w.pack(t, inputs)
				}
				return w
			}, everything, func(t *testing.T, w *packed) { w.wantOut(t) })
		})
	}
}

// A segment is replaced and removed at each look at it in turn.
func TestRestoreFollows(t *testing.T) {
	for op, at := range map[string]int{"documents": 1, "segment": 1, "in segment": 1, "add inputs": 1, "input": 1, "keep input": 5} {
		t.Run(op, func(t *testing.T) {
			w := newPacked(t, newMemory(), 15)
			first := w.pack(t, w.docs[:12])
			w.removeInputs(t, first)
			moved, seen := false, 0
			w.fault = func(o string, phase ledger.Phase) error {
				if o != op || phase != ledger.Before || moved {
					return nil
				}
				if seen++; seen < at {
					return nil
				}
				moved = true
				in, err := w.ledger.InSegment(t.Context(), first.ID)
				if err != nil {
					return err
				}
				w.removeInputs(t, w.pack(t, append(in, w.docs[12:]...), first.ID))
				c := w.config()
				c.Store = w.inner
				return compact.RemoveSegment(t.Context(), c, first)
			}
			c := w.config()
			c.Concurrency = 1
			did, err := compact.Restore(t.Context(), c, ledger.Query{}, nil)
			if err != nil || !moved || did.AlreadyThere > 4 || did.Documents < 12 {
				t.Fatalf("Restore = %+v, %v, moved meanwhile: %v; want at most 4 that were there", did, err, moved)
			}
			w.wantOut(t)
		})
	}
}

// What lies in a damaged part of a segment stays where it is, as does what has
// other content under its key; everything else is restored.
func TestRestoreOfADamagedSegment(t *testing.T) {
	w := newPacked(t, newMemory(), 30)
	s := w.pack(t, w.docs)
	w.removeInputs(t, s)
	taken := w.docs[3]
	if err := w.inner.Put(t.Context(), taken.Key, store.Bytes([]byte("other")), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	var notices []compact.Notice
	c := w.config()
	c.Notice = func(n compact.Notice) { notices = append(notices, n) }
	did, err := compact.Restore(t.Context(), c, ledger.Query{}, nil)
	if !errors.Is(err, fs.ErrExist) || did.Documents != 30 || did.Left != 1 || len(notices) != 1 || notices[0].Key != taken.Key {
		t.Errorf("Restore = %+v, %v, notices %v, want one left for %v", did, err, notices, fs.ErrExist)
	}
	if msg := fmt.Sprint(err); !strings.Contains(msg, taken.Key) || !strings.Contains(msg, taken.SHA256.String()) {
		t.Errorf("Restore over other content = %v, want it to name %s and %s", err, taken.Key, taken.SHA256)
	}
	if in, err := w.ledger.InSegment(t.Context(), s.ID); err != nil || len(in) != 1 || in[0].ID != taken.ID {
		t.Errorf("InSegment = %+v, %v, want what could not be restored", in, err)
	}

	w = newPacked(t, newMemory(), 30)
	s = w.pack(t, w.docs)
	w.removeInputs(t, s)
	file := []byte(w.all(t)[s.Key].Content)
	for i := range 200 {
		if i >= len(file)-200 {
			break
		}
		file[4+i] ^= 0x55
	}
	if err := w.inner.Put(t.Context(), s.Key, store.Bytes(bytes.Clone(file)), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	did, err = compact.Restore(t.Context(), w.config(), ledger.Query{}, nil)
	if !errors.Is(err, segment.ErrDamaged) || did.Left != 31 {
		t.Errorf("Restore from a damaged segment = %+v, %v, want 31 left for %v", did, err, segment.ErrDamaged)
	}
}

// A segment is gone from outside.
func TestRestoreOfAMissingSegment(t *testing.T) {
	w := newPacked(t, newMemory(), 4)
	gone := w.pack(t, w.docs[:2])
	w.removeInputs(t, gone)
	w.removeInputs(t, w.pack(t, w.docs[2:]))
	if err := w.inner.Delete(t.Context(), gone.Key); err != nil {
		t.Fatal(err)
	}
	did, err := compact.Restore(t.Context(), w.config(), ledger.Query{}, nil)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), gone.Key) || did.Documents != 3 || did.Left != 2 {
		t.Errorf("Restore = %+v, %v, want 2 left for %s", did, err, gone.Key)
	}
}

// newLarge has documents of 1.8 MB in one segment: in two pages.
func newLarge(t *testing.T) (*packed, ledger.Segment) {
	t.Helper()
	w := newPacked(t, newMemory(), 1)
	w.objects = maps.Clone(w.objects)
	var batch ledger.Batch
	for i := range 60 {
		content := make([]byte, 30_000)
		_, _ = rand.NewChaCha8([32]byte{byte(i)}).Read(content) // it doesn't fail
		key, err := layout.Document{User: "5", Recipe: "9", Job: fmt.Sprint("l", i), Time: march, Status: "failed"}.Key()
		if err != nil {
			t.Fatal(err)
		}
		if err := w.inner.Put(t.Context(), key, store.Bytes(content), store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		w.objects[key] = object{Content: string(content)}
		batch.Documents = append(batch.Documents, ledger.Document{
			Kind: "job", User: "5", Recipe: "9", Job: fmt.Sprint("l", i), Status: "failed", Time: march, Lines: -1, Key: key,
			Verified: true, InputHash: hashOf(key), SHA256: hashOf(string(content)), Size: 30_000, InputSize: 30_000, ArchivedAt: packedAt,
		})
	}
	if err := w.ledger.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	w.docs = w.stored(t)
	s := w.pack(t, w.docs)
	w.removeInputs(t, s)
	return w, s
}

func TestRestoreReadsASegmentOnce(t *testing.T) {
	w, _ := newLarge(t)
	if err := everything(t, w); err != nil {
		t.Fatal(err)
	}
	if n := w.gets(); n > 5 {
		t.Errorf("%d reads of the segment, want it read once", n)
	}
	w.wantOut(t)
}

// Of a segment with a damaged page all that lies in others is restored.
func TestRestoreAroundADamagedPage(t *testing.T) {
	w, s := newLarge(t)
	file := []byte(w.all(t)[s.Key].Content)
	at := strings.Index(string(file), w.objects[w.docs[10].Key].Content[1000:1100])
	if at < 0 {
		t.Fatal("the document isn't in the segment as it is")
	}
	file[at] ^= 1
	if err := w.inner.Put(t.Context(), s.Key, store.Bytes(file), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	did, err := compact.Restore(t.Context(), w.config(), ledger.Query{}, nil)
	if !errors.Is(err, segment.ErrDamaged) || did.Left == 0 || did.Documents == 0 || did.Left+did.Documents != 62 {
		t.Errorf("Restore = %+v, %v, want all but those of one page", did, err)
	}
}

// fleeting is a store in which documents are there when they are to be put, and gone
// when they are read.
type fleeting struct{ store.Store }

func (f fleeting) Put(ctx context.Context, key string, body store.Body, o store.PutOptions) error {
	if strings.HasPrefix(key, "5/") {
		return fmt.Errorf("put %s: %w", key, fs.ErrExist)
	}
	return f.Store.Put(ctx, key, body, o)
}

func (f fleeting) Get(ctx context.Context, key string, r store.Range) (io.ReadCloser, store.Info, error) {
	if strings.HasPrefix(key, "5/") {
		return nil, store.Info{}, fmt.Errorf("get %s: %w", key, fs.ErrNotExist)
	}
	return f.Store.Get(ctx, key, r)
}

// What others put and remove again and again is no damage.
func TestRestoreBesideOthers(t *testing.T) {
	w := newPacked(t, newMemory(), 3)
	w.pack(t, w.docs)
	c := w.config()
	c.Store = fleeting{w.inner}
	if did, err := compact.Restore(t.Context(), c, ledger.Query{}, nil); !errors.Is(err, ledger.ErrMoved) || errors.Is(err, fs.ErrNotExist) || did.Left == 0 {
		t.Errorf("Restore = %+v, %v, want what was moved left", did, err)
	}
	if err := everything(t, w); err != nil {
		t.Error(err)
	}
	w.wantOut(t)
}
