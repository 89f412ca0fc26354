package compact_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/compact"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/dirstore"
	"logstow/archive/store/memstore"
	"logstow/layout"
)

const grace = 24 * time.Hour

// runner runs on a world whose time it moves.
type runner struct {
	*packed
	at      time.Time
	c       compact.Config
	notices []compact.Notice
	plans   []compact.Partition
}

// newRunner is at a time when everything that was just archived is ready.
func newRunner(w *packed) *runner {
	r := &runner{packed: w, at: time.Now().UTC().Add(60 * 24 * time.Hour)}
	w.now = func() time.Time { return r.at }
	r.c = w.config()
	r.c.Grace = grace
	r.c.Notice = func(n compact.Notice) { r.notices = append(r.notices, n) }
	r.c.Planned = func(p compact.Partition) { r.plans = append(r.plans, p) }
	return r
}

// run runs once, and wants nothing to go wrong.
func (r *runner) run(t *testing.T) compact.Summary {
	t.Helper()
	r.notices, r.plans = nil, nil
	s, err := compact.Run(t.Context(), r.c)
	if err != nil {
		t.Fatalf("Run: %v", err)
	}
	s.DurationSeconds = 0
	return s
}

// left is what there were notices of.
func (r *runner) left() (keys []string) {
	for _, n := range r.notices {
		keys = append(keys, n.Key)
	}
	slices.Sort(keys)
	return keys
}

// settle runs until nothing is left to do.
func (r *runner) settle(t *testing.T) {
	t.Helper()
	for range 3 {
		r.at = r.at.Add(grace + time.Hour)
		r.run(t)
	}
}

// wantSettled wants every document to be in one segment and nowhere else, and the
// store to have nothing else but what overflowed.
func (r *runner) wantSettled(t *testing.T) {
	t.Helper()
	all, err := r.ledger.Segments(t.Context(), ledger.SegmentQuery{})
	if err != nil {
		t.Fatal(err)
	}
	want := slices.DeleteFunc(slices.Collect(maps.Keys(r.objects)), func(key string) bool {
		n, err := layout.Parse(key)
		return err != nil || n.Kind != layout.OverflowKey && n.Kind != layout.ProbeKey
	})
	var in []string
	for _, s := range all {
		want = append(want, s.Key, manifestOf(s))
		r.wantWhole(t, s)
		for _, row := range r.rows(t, s.Key) {
			in = append(in, row.Key)
		}
	}
	slices.Sort(want)
	if d := cmp.Diff(want, r.keys(t)); d != "" {
		t.Errorf("objects (-want +got):\n%s", d)
	}
	var keys []string
	for _, d := range r.docs {
		keys = append(keys, d.Key)
	}
	slices.Sort(keys)
	slices.Sort(in)
	if d := cmp.Diff(keys, in); d != "" {
		t.Errorf("documents in segments (-want +got):\n%s", d)
	}
	if _, err := compact.Restore(t.Context(), r.config(), ledger.Query{}, nil); err != nil {
		t.Errorf("Restore: %v", err)
	}
	r.wantOut(t)
}

func (r *runner) keys(t *testing.T) []string {
	t.Helper()
	return slices.Sorted(maps.Keys(r.all(t)))
}

// wantObjects wants every object that there was before to be as it was.
func (r *runner) wantObjects(t *testing.T) {
	t.Helper()
	got := r.all(t)
	for key, o := range r.objects {
		if d := cmp.Diff(o, got[key]); d != "" {
			t.Errorf("%s (-before +now):\n%s", key, d)
		}
	}
}

func TestRun(t *testing.T) {
	dir := func(t *testing.T) store.Store {
		s, err := dirstore.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	memory := func(*testing.T) store.Store { return memstore.New() }
	versions := func(*testing.T) store.Store { return memstore.NewVersioned() }
	for name, inner := range map[string]func(*testing.T) store.Store{"directory": dir, "memory": memory, "versions": versions} {
		for cut, limit := range map[string]int64{"whole": 0, "cut at every document": 1} {
			t.Run(name+" "+cut, func(t *testing.T) {
				const jobs = 20
				r := newRunner(newPacked(t, inner(t), jobs))
				if name == "directory" { // it keeps no metadata
					r.objects = r.all(t)
				}
				r.c.SegmentBytes = limit
				r.wantRun(t)
			})
		}
	}
}

// wantRun packs all, and removes what it was made of when that is due.
func (r *runner) wantRun(t *testing.T) {
	t.Helper()
	n := int64(len(r.docs))
	want := compact.Summary{Partitions: 1, Packed: n, Segments: 1, Waiting: n}
	if r.c.SegmentBytes != 0 {
		want.Segments = n
	}
	for _, d := range r.docs {
		want.PackedBytes += d.Size
	}
	got := r.run(t)
	if got.SegmentBytes == 0 {
		t.Error("SegmentBytes = 0")
	}
	got.SegmentBytes = 0
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Run (-want +got):\n%s", d)
	}
	r.wantObjects(t)
	before := r.keys(t)
	r.at = r.at.Add(grace - time.Second)
	if d := cmp.Diff(compact.Summary{Waiting: n}, r.run(t)); d != "" {
		t.Errorf("Run before the grace is over (-want +got):\n%s", d)
	}
	if d := cmp.Diff(before, r.keys(t)); d != "" {
		t.Errorf("objects (-before +now):\n%s", d)
	}
	r.at = r.at.Add(time.Second)
	if d := cmp.Diff(compact.Summary{InputsRemoved: n}, r.run(t)); d != "" {
		t.Errorf("Run when the grace is over (-want +got):\n%s", d)
	}
	if d := cmp.Diff(compact.Summary{}, r.run(t)); d != "" {
		t.Errorf("Run once more (-want +got):\n%s", d)
	}
	if len(r.notices) > 0 {
		t.Errorf("notices: %v", r.notices)
	}
	r.wantSettled(t)
}

// Every call that fails, of packing late documents, merging, and removing what is
// due, leaves what a later run finishes.
func TestRunAgain(t *testing.T) {
	runners := map[*packed]*runner{}
	eachFault(t, func(t *testing.T) *packed {
		w := newPacked(t, newMemory(), 3)
		w.pack(t, w.docs[:2])
		runners[w] = newRunner(w)
		return w
	}, func(t *testing.T, w *packed) error {
		r := runners[w]
		for range 2 {
			if _, err := compact.Run(t.Context(), r.c); err != nil {
				for _, d := range r.stored(t) {
					if d.Segment == 0 {
						continue
					}
					if got, err := readOut(t, w, d); err != nil || hashOf(got) != d.SHA256 {
						t.Errorf("%s can't be read from where it lies: %v", d.Key, err)
					}
				}
				r.at = r.at.Add(time.Hour)
				return err
			}
			r.at = r.at.Add(grace)
		}
		return nil
	}, func(t *testing.T, w *packed) {
		r := runners[w]
		delete(runners, w)
		r.settle(t)
		if all, err := r.ledger.Segments(t.Context(), ledger.SegmentQuery{}); err != nil || len(all) != 1 || all[0].Rows != 4 {
			t.Errorf("segments are %v, %v, want one of 4 rows", all, err)
		}
		r.wantSettled(t)
	})
}

// readOut reads a document from the segment that it lies in.
func readOut(t *testing.T, w *packed, d ledger.Document) (string, error) {
	t.Helper()
	s, err := w.ledger.Segment(t.Context(), d.Segment)
	if err != nil {
		return "", err
	}
	rows := w.rows(t, s.Key)
	if d.SegmentRow >= int64(len(rows)) {
		return "", fmt.Errorf("%s has no row %d", s.Key, d.SegmentRow)
	}
	return string(rows[d.SegmentRow].Document), nil
}

// What can't be packed is left, and all else is packed.
func TestRunLeaves(t *testing.T) {
	for name, harm := range map[string]func(*testing.T, *packed, ledger.Document){
		"other bytes": func(t *testing.T, w *packed, d ledger.Document) {
			w.put(t, d.Key, strings.Repeat("x", int(d.Size)))
		},
		"another size": func(t *testing.T, w *packed, d ledger.Document) { w.put(t, d.Key, "{}") },
		"gone": func(t *testing.T, w *packed, d ledger.Document) {
			if err := w.inner.Delete(t.Context(), d.Key); err != nil {
				t.Fatal(err)
			}
		},
		"of another record": func(t *testing.T, w *packed, d ledger.Document) {
			w.put(t, layout.Meta(d.Key), `{"input_sha256":"00"}`)
		},
		"no JSON": func(t *testing.T, w *packed, d ledger.Document) { w.put(t, layout.Meta(d.Key), `{`) },
		"a large meta object": func(t *testing.T, w *packed, d ledger.Document) {
			w.put(t, layout.Meta(d.Key), strings.Repeat(" ", 1<<20))
		},
		"metadata that is no text": func(t *testing.T, w *packed, d ledger.Document) {
			body := store.Bytes([]byte(w.objects[d.Key].Content))
			if err := w.inner.Put(t.Context(), d.Key, body, store.PutOptions{Metadata: map[string]string{"a": "\xff"}}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(newPacked(t, newMemory(), 8))
			i := slices.IndexFunc(r.docs, func(d ledger.Document) bool { return d.Changed != "" })
			d := r.docs[i]
			harm(t, r.packed, d)
			before := r.all(t)
			for range 2 {
				got := r.run(t)
				if want := int64(len(r.docs)) - 1; got.Left != 1 || len(r.notices) != 1 || r.notices[0].Key != d.Key || got.Packed+got.InputsRemoved != want {
					t.Errorf("Run = %+v, %v, want %d documents packed and one left", got, r.notices, want)
				}
				for _, key := range []string{d.Key, layout.Meta(d.Key)} {
					if diff := cmp.Diff(before[key], r.all(t)[key]); diff != "" {
						t.Errorf("%s (-before +now):\n%s", key, diff)
					}
				}
				r.at = r.at.Add(grace)
			}
			for key, o := range r.objects { // mended
				if n, err := layout.Parse(key); err == nil && (key == d.Key || n.Of == d.Key) {
					if err := r.inner.Put(t.Context(), key, store.Bytes([]byte(o.Content)), store.PutOptions{Metadata: o.Metadata}); err != nil {
						t.Fatal(err)
					}
				}
			}
			r.settle(t)
			r.wantSettled(t)
		})
	}
}

func (w *packed) put(t *testing.T, key, content string) {
	t.Helper()
	if err := w.inner.Put(t.Context(), key, store.Bytes([]byte(content)), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

// A lease that was given to somebody else meanwhile: nothing is removed any more,
// and nothing committed.
func TestRunFenced(t *testing.T) {
	for _, when := range []string{
		"holds before", "begin segment before", "commit segments before", "claim inputs before", "claim inputs after",
		"end inputs before", "check fence before", "start segment removal before", "start segment removal after",
	} {
		lost, atAfter := strings.CutSuffix(when, " after")
		lost = strings.TrimSuffix(lost, " before")
		t.Run(when, func(t *testing.T) {
			w := newPacked(t, newMemory(), 3)
			w.pack(t, w.docs[:2])
			r := newRunner(w)
			lease, err := w.ledger.AcquireLease(t.Context(), ledger.Lease{Task: "compact", Holder: "a", Since: r.at, Until: r.at.Add(time.Minute)})
			if err != nil {
				t.Fatal(err)
			}
			ctx := ledger.WithFence(t.Context(), lease)
			var deletes int
			given := false
			w.fault = func(op string, phase ledger.Phase) error {
				if op != lost || (phase == ledger.After) != atAfter || given {
					return nil
				}
				given = true
				deletes = w.deletes()
				return w.ledger.ReleaseLease(t.Context(), lease)
			}
			for range 2 {
				if _, err = compact.Run(ctx, r.c); err != nil {
					break
				}
				r.at = r.at.Add(grace)
			}
			w.fault = nil
			if !given || !errors.Is(err, ledger.ErrFenced) {
				t.Fatalf("Run = %v, want %v; lost: %v", err, ledger.ErrFenced, given)
			}
			if n := w.deletes(); n != deletes {
				t.Errorf("%d requests removed something after the lease was lost", n-deletes)
			}
			r.at = r.at.Add(time.Hour)
			r.settle(t)
			r.wantSettled(t)
		})
	}
}

// deletes is how many requests have removed something.
func (w *packed) deletes() (n int) {
	for _, c := range w.store.Calls() {
		if c.Method == "Delete" {
			n++
		}
	}
	return n
}

// Between claiming inputs and removing them a process sleeps for so long that somebody
// else takes its claim for stale, and restores what it is about.
func TestRunSleeps(t *testing.T) {
	w := newPacked(t, newMemory(), 12)
	r := newRunner(w)
	r.run(t)
	r.at = r.at.Add(grace + time.Hour)
	slept := false
	w.fault = func(op string, phase ledger.Phase) error {
		if op == "claim inputs" && phase == ledger.After && !slept {
			slept = true
			r.at = r.at.Add(time.Hour)
			c := w.config()
			c.Store = w.inner
			if got, err := compact.Restore(t.Context(), c, ledger.Query{}, nil); err != nil || got.Documents != 13 {
				t.Errorf("Restore = %+v, %v", got, err)
			}
		}
		return nil
	}
	if r.run(t); !slept {
		t.Error("no inputs were claimed")
	}
	w.wantOut(t)
}

// A run that is interrupted while it removes inputs leaves none claimed, for which
// others would wait.
func TestRunInterrupted(t *testing.T) {
	w := newPacked(t, newMemory(), 12)
	r := newRunner(w)
	r.run(t)
	r.at = r.at.Add(grace + time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	w.fault = func(op string, phase ledger.Phase) error {
		if op == "claim inputs" && phase == ledger.After {
			cancel()
		}
		return nil
	}
	if _, err := compact.Run(ctx, r.c); !errors.Is(err, context.Canceled) {
		t.Fatalf("Run = %v, want %v", err, context.Canceled)
	}
	w.fault = nil
	for _, d := range w.docs {
		if is, claimed, err := w.ledger.Input(t.Context(), d.ID); err != nil || !claimed.IsZero() {
			t.Errorf("%s is an input: %v, claimed at %v, %v", d.Key, is, claimed, err)
		}
	}
	r.settle(t)
	r.wantSettled(t)
}
