package compact_test

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"logstow/archive/compact"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/layout"
)

// emptied has a segment in which nothing lies any more.
func emptied(t *testing.T, inner store.Store) (*packed, ledger.Segment) {
	t.Helper()
	w := newPacked(t, inner, 2)
	s := w.pack(t, w.docs)
	if err := everything(t, w); err != nil {
		t.Fatal(err)
	}
	return w, s
}

// wantRemoved wants nothing of a segment to be left, and all else to be as it was.
func (w *packed) wantRemoved(t *testing.T, s ledger.Segment) {
	t.Helper()
	if d := w.below(t, layout.Segments, layout.Manifests); len(d) > 0 {
		t.Errorf("left are %v", d)
	}
	if got, err := w.ledger.Segment(t.Context(), s.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Segment = %+v, %v, want fs.ErrNotExist", got, err)
	}
	w.wantOut(t)
}

// below is the keys of all objects, and all versions, below these prefixes.
func (w *packed) below(t *testing.T, prefixes ...string) (keys []string) {
	t.Helper()
	all := slices.Collect(maps.Keys(w.all(t)))
	if versions, ok := store.As[store.Versioner](w.inner); ok {
		for v, err := range versions.Versions(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, v.Key)
		}
	}
	for _, key := range all {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) }) {
			keys = append(keys, key)
		}
	}
	return keys
}

func TestRemoveSegment(t *testing.T) {
	var removed ledger.Segment
	eachFault(t, func(t *testing.T) *packed {
		w, s := emptied(t, newMemory())
		removed = s
		return w
	}, func(t *testing.T, w *packed) error {
		return compact.RemoveSegment(t.Context(), w.config(), removed)
	}, func(t *testing.T, w *packed) {
		w.wantRemoved(t, removed)
	})
}

func TestRemoveSegmentOfAVersionedStore(t *testing.T) {
	w, s := emptied(t, memstore.NewVersioned())
	again := store.Bytes([]byte("put again"))
	if err := w.inner.Put(t.Context(), s.Key, again, store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := compact.RemoveSegment(t.Context(), w.config(), s); err != nil {
		t.Fatal(err)
	}
	w.wantRemoved(t, s)
}

// The store keeps a manifest, or a segment: the other goes, and both when it lets
// go.
func TestRemoveSegmentOfALockedStore(t *testing.T) {
	for name, keyOf := range map[string]func(ledger.Segment) string{
		"segment":  func(s ledger.Segment) string { return s.Key },
		"manifest": manifestOf,
	} {
		t.Run(name, func(t *testing.T) {
			inner := memstore.NewVersioned()
			w, s := emptied(t, inner)
			until := time.Now().Add(time.Hour).Truncate(time.Second)
			if err := inner.SetRetention(keyOf(s), "", until); err != nil {
				t.Fatal(err)
			}
			var kept *store.RetainedError
			err := compact.RemoveSegment(t.Context(), w.config(), s)
			if !errors.As(err, &kept) || !slices.Equal(kept.Keys, []string{keyOf(s)}) || !kept.Until.Equal(until) {
				t.Fatalf("RemoveSegment = %v, want what keeps %s until %s", err, keyOf(s), until)
			}
			if left := w.below(t, layout.Segments, layout.Manifests); slices.Contains(left, s.Key) != (name == "segment") {
				t.Errorf("left are %v", left)
			}
			if got, err := w.ledger.Segment(t.Context(), s.ID); err != nil || got.State != ledger.SegmentDeleting {
				t.Errorf("Segment = %+v, %v, want it Deleting", got, err)
			}
			inner.SetNow(func() time.Time { return until.Add(time.Second) })
			if err := compact.RemoveSegment(t.Context(), w.config(), s); err != nil {
				t.Fatal(err)
			}
			w.wantRemoved(t, s)
		})
	}
}

func manifestOf(s ledger.Segment) string {
	n, err := layout.Parse(s.Key)
	if err != nil {
		return err.Error()
	}
	return layout.Manifest(n.Hash)
}

// A segment that something lies in stays.
func TestRemoveSegmentInUse(t *testing.T) {
	w := newPacked(t, newMemory(), 2)
	s := w.pack(t, w.docs)
	before := len(w.all(t))
	if err := compact.RemoveSegment(t.Context(), w.config(), s); !errors.Is(err, ledger.ErrMoved) {
		t.Errorf("RemoveSegment = %v, want ErrMoved", err)
	}
	if after := len(w.all(t)); after != before {
		t.Errorf("%d objects, want %d", after, before)
	}
}

// A Put that was under way when its segment was removed takes effect afterwards:
// whoever put it removes it, although nobody knows the segment any more.
func TestRemoveSegmentThatIsForgotten(t *testing.T) {
	w, s := emptied(t, newMemory())
	file := w.all(t)[s.Key].Content
	if err := compact.RemoveSegment(t.Context(), w.config(), s); err != nil {
		t.Fatal(err)
	}
	if err := w.inner.Put(t.Context(), s.Key, store.Bytes([]byte(file)), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := compact.RemoveSegment(t.Context(), w.config(), s); err != nil {
		t.Fatal(err)
	}
	w.wantRemoved(t, s)
	if all, err := w.ledger.Segments(t.Context(), ledger.SegmentQuery{}); len(all) > 0 || err != nil {
		t.Errorf("Segments = %v, %v, want none", all, err)
	}
	// Another has written it anew meanwhile.
	s2 := w.pack(t, w.docs)
	if err := compact.RemoveSegment(t.Context(), w.config(), s); !errors.Is(err, ledger.ErrMoved) {
		t.Errorf("RemoveSegment = %v, want ErrMoved", err)
	}
	if use, err := w.ledger.SegmentUse(t.Context(), s2.ID); err != nil || use.Stored != 3 {
		t.Errorf("SegmentUse = %+v, %v, want 3", use, err)
	}
}

// Between what is recorded of a removal and the removal itself somebody else removes
// the segment, and another is written under its key.
func TestRemoveSegmentIsOvertaken(t *testing.T) {
	w, s := emptied(t, newMemory())
	overtaken := false
	w.fault = func(op string, phase ledger.Phase) error {
		if op == "start segment removal" && phase == ledger.After && !overtaken {
			overtaken = true
			c := w.config()
			c.Store = w.inner
			if err := compact.RemoveSegment(t.Context(), c, s); err != nil {
				return err
			}
			w.removeInputs(t, w.pack(t, w.docs))
		}
		return nil
	}
	if err := compact.RemoveSegment(t.Context(), w.config(), s); err != nil || !overtaken {
		t.Fatalf("RemoveSegment = %v, overtaken: %v", err, overtaken)
	}
	if err := everything(t, w); err != nil {
		t.Fatal(err)
	}
	w.wantOut(t)
}

func TestRemoveSegmentOfAnotherKey(t *testing.T) {
	w, s := emptied(t, newMemory())
	for _, key := range []string{w.docs[0].Key, "", "x", layout.Probe} {
		s.Key = key
		if err := compact.RemoveSegment(t.Context(), w.config(), s); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("RemoveSegment(%q) = %v, want fs.ErrInvalid", key, err)
		}
	}
	w.wantOut(t)
}

// afterPut calls do after each Put.
type afterPut struct {
	store.Store
	do func(key string)
}

// Put implements store.Store.
func (s *afterPut) Put(ctx context.Context, key string, body store.Body, opts store.PutOptions) error {
	err := s.Store.Put(ctx, key, body, opts)
	s.do(key)
	return err
}

// Before a run reads its segment back somebody removes it, as an erasure does that
// can't know what will lie in it. The run goes on, and the next one packs again.
func TestRunGoesOnWhereItsSegmentIsRemoved(t *testing.T) {
	r := newRunner(newPacked(t, newMemory(), 3))
	c, removed := r.c, 0
	r.c.Store = &afterPut{r.inner, func(key string) {
		if !strings.HasPrefix(key, layout.Segments) || removed > 0 {
			return
		}
		removed++
		all, err := r.ledger.Segments(t.Context(), ledger.SegmentQuery{Key: key})
		if err != nil || len(all) != 1 || all[0].State != ledger.SegmentWriting {
			t.Errorf("Segments(%s) = %+v, %v", key, all, err)
			return
		}
		if err := compact.RemoveSegment(t.Context(), c, all[0]); err != nil {
			t.Error(err)
		}
	}}
	if s := r.run(t); removed != 1 || s.Packed != 0 || len(r.notices) != 1 {
		t.Errorf("Run = %+v with the notices %v, of %d removed", s, r.notices, removed)
	}
	r.wantObjects(t)
	r.run(t)
	r.settle(t)
	r.wantSettled(t)
}
