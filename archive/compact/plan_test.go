package compact_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"logstow/archive/compact"
	"logstow/archive/ledger"
	"logstow/layout"
)

// hold places a hold, or releases it, as the ledger has it.
func (w *packed) hold(t *testing.T, s layout.Scope, released time.Time) {
	t.Helper()
	h := ledger.Hold{ID: fmt.Sprintf("%032x", 1), Scope: s, By: "a", Reason: "b", Placed: packedAt, Released: released}
	if _, err := w.ledger.RecordHolds(t.Context(), []ledger.Hold{h}); err != nil {
		t.Fatal(err)
	}
}

// What is to become of a month of 9 documents of the first day of March 2024, a
// minute after each other, and why.
func TestPlan(t *testing.T) {
	never := func(*ledger.Document) (time.Duration, bool) { return 0, false }
	after := func(days int) func(*ledger.Document) (time.Duration, bool) {
		return func(*ledger.Document) (time.Duration, bool) { return time.Duration(days) * 24 * time.Hour, true }
	}
	april := march.AddDate(0, 1, 0)
	for name, c := range map[string]struct {
		at     time.Time
		after  func(*ledger.Document) (time.Duration, bool)
		cut    int64
		hold   layout.Scope
		holds  bool
		action compact.Action
		reason string
		docs   int64
		left   int64
	}{
		"over and ready":      {at: april, action: compact.Pack, reason: "the month is over and they are ready", docs: 9},
		"not over":            {at: april.Add(-time.Millisecond), after: after(0), action: compact.Wait, reason: "the month is not over", docs: 9},
		"not over, but large": {at: april.Add(-time.Millisecond), after: after(0), cut: 100, action: compact.Pack, reason: "those that are ready have 0 MB, at least 0", docs: 9},
		"large, none ready":   {at: april.Add(-time.Millisecond), after: after(60), cut: 100, action: compact.Wait, reason: "the month is not over", docs: 9},
		"ready soon":          {at: april, after: after(61), action: compact.Wait, reason: "the youngest of 9 is ready on 2024-05-01", docs: 9},
		"ready some day":      {at: april, after: after(365), action: compact.Wait, reason: "the first of 9 is ready on 2025-03-01", docs: 9},
		"the last is not ready": {
			at: march.AddDate(0, 0, 60).Add(6 * time.Minute), after: after(60), action: compact.Wait,
			reason: "the youngest of 9 is ready on 2024-04-30", docs: 9,
		},
		"all but some that come much later": {
			at: april, action: compact.Pack, reason: "the month is over and they are ready", docs: 4, left: 5,
			after: func(d *ledger.Document) (time.Duration, bool) {
				return map[string]time.Duration{"0": 365 * 24 * time.Hour}[d.Recipe], true
			},
		},
		"all but what stays": {
			at: april, action: compact.Pack, reason: "the month is over and they are ready", docs: 5, left: 4,
			after: func(d *ledger.Document) (time.Duration, bool) { return 0, d.Recipe == "0" },
		},
		"all stays":        {at: april, after: never, action: compact.Wait, reason: "what it has is to stay as it is", left: 9},
		"all on hold":      {at: april, holds: true, hold: layout.Scope{User: "5"}, action: compact.Wait, reason: "what it has is to stay as it is, 9 on hold", left: 9},
		"all but one held": {at: april, holds: true, hold: layout.Scope{Job: "j1"}, action: compact.Pack, reason: "the month is over and they are ready", docs: 8, left: 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(newPacked(t, newMemory(), 8))
			r.at, r.c.SegmentBytes, r.c.DryRun = c.at, c.cut, true
			if r.c.After = c.after; c.after == nil {
				r.c.After = after(30)
			}
			if c.holds {
				r.hold(t, c.hold, time.Time{})
			}
			before := r.keys(t)
			r.store.Reset()
			if d := cmp.Diff(compact.Summary{Partitions: 1}, r.run(t)); d != "" {
				t.Errorf("Run (-want +got):\n%s", d)
			}
			want := []compact.Partition{{User: "5", Month: march, Action: c.action, Reason: c.reason, Documents: c.docs, Left: c.left}}
			for i := range r.plans {
				r.plans[i].Bytes = 0
			}
			if d := cmp.Diff(want, r.plans); d != "" {
				t.Errorf("planned (-want +got):\n%s", d)
			}
			if len(r.store.Calls()) > 0 || !slices.Equal(before, r.keys(t)) {
				t.Errorf("a dry run made %v", r.store.Calls())
			}
			// What was planned is done.
			r.c.DryRun = false
			if got := r.run(t); c.action == compact.Wait && got.Packed > 0 || c.action == compact.Pack && got.Packed != c.docs {
				t.Errorf("Run = %+v, planned were %d to %s", got, c.docs, c.action)
			}
			if all, err := r.ledger.Segments(t.Context(), ledger.SegmentQuery{}); err != nil || (len(all) > 0) != (c.action == compact.Pack) {
				t.Errorf("segments are %v, %v", all, err)
			}
		})
	}
}

// One month, or one user, alone.
func TestRunOfSome(t *testing.T) {
	for name, set := range map[string]func(*compact.Config){
		"another user":  func(c *compact.Config) { c.User = "6" },
		"another month": func(c *compact.Config) { c.Month = march.AddDate(0, 1, 0) },
		"both":          func(c *compact.Config) { c.User, c.Month = "5", march },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(newPacked(t, newMemory(), 2))
			set(&r.c)
			want := int64(0)
			if name == "both" {
				want = 3
			}
			for _, count := range []func(compact.Summary) int64{
				func(s compact.Summary) int64 { return s.Packed },
				func(s compact.Summary) int64 { return s.InputsRemoved },
			} {
				if got := r.run(t); count(got) != want {
					t.Errorf("Run = %+v, want %d documents", got, want)
				}
				r.at = r.at.Add(grace)
			}
			r.c = newRunner(r.packed).c
			r.c.Now, r.c.Grace = func() time.Time { return r.at }, grace
			r.settle(t)
			r.wantSettled(t)
		})
	}
}

// Documents that come when their month has a segment make another, once they were
// there for long enough; those two become one.
func TestRunLate(t *testing.T) {
	r := newRunner(newPacked(t, newMemory(), 6))
	r.run(t)
	r.archiveLate(t)
	ready := r.at
	r.at = time.Now().UTC().Add(29 * 24 * time.Hour)
	if got := r.run(t); got.Packed > 0 || len(r.plans) != 1 || r.plans[0].Action != compact.Wait || r.plans[0].Segments != 1 {
		t.Errorf("Run = %+v, planned were %+v, want it to wait", got, r.plans)
	}
	r.at = ready
	got := r.run(t)
	if got.Packed != 1 || got.Segments != 2 || got.Merged != 2 || got.Waiting != 10 {
		t.Errorf("Run = %+v, want one packed, and two segments merged", got)
	}
	if r.plans[0].Reason != "they came late, and are ready" || r.plans[1].Reason != "2 of its 2 segments are small, and make one" ||
		r.plans[1].Action != compact.Merge || r.plans[1].Documents != 8 {
		t.Errorf("planned were %+v", r.plans)
	}
	r.wantObjects(t)
	r.at = r.at.Add(grace - time.Second)
	if got := r.run(t); got != (compact.Summary{Waiting: 10}) {
		t.Errorf("Run = %+v, want 8 inputs and 2 segments to wait", got)
	}
	r.at = r.at.Add(time.Second)
	if got := r.run(t); got != (compact.Summary{InputsRemoved: 8, SegmentsRemoved: 2}) {
		t.Errorf("Run = %+v, want 8 inputs and 2 segments removed", got)
	}
	r.wantSettled(t)
}

// archiveLate archives a document of a month that has a segment.
func (r *runner) archiveLate(t *testing.T) {
	t.Helper()
	r.archive(t, `{"id":"late","recipe_id":1,"account_id":5,"status":"failed","completed_at":"2024-03-05T00:00:00Z"}`+"\n")
	r.objects, r.docs = r.all(t), r.stored(t)
	for key := range r.objects {
		if n, err := layout.Parse(key); err == nil && (n.Kind == layout.SegmentKey || n.Kind == layout.ManifestKey) {
			delete(r.objects, key)
		}
	}
	for i := range r.docs {
		r.docs[i].Segment, r.docs[i].SegmentRow = 0, 0
	}
}

// What makes a segment again that was replaced waits until that is due: somebody
// may still read it.
func TestRunWaitsForAKey(t *testing.T) {
	r := newRunner(newPacked(t, newMemory(), 6))
	r.run(t)
	first := r.below(t, layout.Segments)[0]
	r.archiveLate(t)
	if got := r.run(t); got.Merged != 2 {
		t.Fatalf("Run = %+v, want two merged", got)
	}
	if _, err := compact.Restore(t.Context(), r.config(), ledger.Query{}, nil); err != nil {
		t.Fatal(err)
	}
	late := layout.Scope{Job: "late"}
	r.hold(t, late, time.Time{})
	before := r.all(t)[first]
	r.at = r.at.Add(time.Hour)
	if got := r.run(t); got.Packed != 0 || !slices.Contains(r.left(), first) {
		t.Errorf("Run = %+v, %v, want it to wait for %s", got, r.notices, first)
	}
	if d := cmp.Diff(before, r.all(t)[first]); d != "" {
		t.Errorf("%s (-before +now):\n%s", first, d)
	}
	r.at = r.at.Add(grace)
	if got := r.run(t); got.Packed != 7 {
		t.Errorf("Run when that is due = %+v, want 7 packed", got)
	}
	r.hold(t, late, r.at)
	r.settle(t)
	r.wantSettled(t)
}

// What was restored and is packed again makes the same segment. Its grace begins
// anew.
func TestRunAfterRestore(t *testing.T) {
	for name, restore := range map[string]ledger.Query{"all": {}, "some": {Job: "j1"}} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(newPacked(t, newMemory(), 6))
			r.settle(t)
			if _, err := compact.Restore(t.Context(), r.config(), restore, nil); err != nil {
				t.Fatal(err)
			}
			out := r.keys(t)
			got := r.run(t)
			if got.Packed == 0 || got.InputsRemoved > 0 || got.Waiting < got.Packed {
				t.Errorf("Run = %+v, want some packed and none removed", got)
			}
			for _, key := range out {
				if !slices.Contains(r.keys(t), key) {
					t.Errorf("%s is gone", key)
				}
			}
			r.settle(t)
			r.wantSettled(t)
		})
	}
}

// A segment of which everything was taken out goes, after a grace.
func TestRunWithAnEmptySegment(t *testing.T) {
	r := newRunner(newPacked(t, newMemory(), 6))
	r.settle(t)
	if _, err := compact.Restore(t.Context(), r.config(), ledger.Query{}, nil); err != nil {
		t.Fatal(err)
	}
	r.hold(t, layout.Scope{User: "5"}, time.Time{})
	if got := r.run(t); got != (compact.Summary{Partitions: 1, Waiting: 1}) {
		t.Errorf("Run = %+v, want a segment to wait", got)
	}
	r.at = r.at.Add(grace)
	if got := r.run(t); got != (compact.Summary{Partitions: 1, SegmentsRemoved: 1}) {
		t.Errorf("Run = %+v, want a segment removed", got)
	}
	r.wantOut(t)
	if left := r.below(t, layout.Segments, layout.Manifests); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
}

// What is on hold when it is its turn stays; what comes on hold later keeps its own
// object, as long as that is there.
func TestRunWithHolds(t *testing.T) {
	one := layout.Scope{Job: "j1"}
	r := newRunner(newPacked(t, newMemory(), 6))
	key := r.docs[slices.IndexFunc(r.docs, func(d ledger.Document) bool { return d.Job == "j1" })].Key
	r.hold(t, one, time.Time{})
	if got := r.run(t); got.Packed != 6 || got.Left != 1 || !slices.Equal(r.left(), []string{key}) {
		t.Errorf("Run = %+v, %v, want one left", got, r.left())
	}
	r.settle(t)
	if _, ok := r.all(t)[key]; !ok {
		t.Errorf("%s is gone", key)
	}
	r.hold(t, one, r.at)
	r.at = r.at.Add(time.Minute)
	if got := r.run(t); got.Packed != 1 || got.Left != 0 {
		t.Errorf("Run after the release = %+v, want one packed", got)
	}
	r.settle(t)
	r.wantSettled(t)
}

func TestRunWithHoldOfAnInput(t *testing.T) {
	one := layout.Scope{Job: "j1"}
	r := newRunner(newPacked(t, newMemory(), 6))
	r.run(t)
	r.hold(t, one, time.Time{})
	r.at = r.at.Add(grace)
	if got := r.run(t); got.InputsRemoved != 6 {
		t.Errorf("Run = %+v, want 6 removed", got)
	}
	for _, d := range r.docs {
		if o, ok := r.all(t)[d.Key]; ok != (d.Job == "j1") || ok && o.Content != r.objects[d.Key].Content {
			t.Errorf("%s is there: %v", d.Key, ok)
		}
	}
	r.hold(t, one, r.at)
	r.settle(t)
	r.wantSettled(t)
}

// A hold that comes while its document is written into a segment wins.
func TestRunWithHoldMeanwhile(t *testing.T) {
	r := newRunner(newPacked(t, newMemory(), 6))
	placed := false
	r.fault = func(op string, phase ledger.Phase) error {
		if op == "commit segments" && phase == ledger.Before && !placed {
			placed = true
			r.hold(t, layout.Scope{Job: "j1"}, time.Time{})
		}
		return nil
	}
	if got := r.run(t); got.Packed != 0 || len(r.notices) != 1 {
		t.Errorf("Run = %+v, %v, want nothing packed, and a notice", got, r.notices)
	}
	if left := r.below(t, layout.Segments, layout.Manifests); len(left) > 0 || !placed {
		t.Errorf("left are %v; placed: %v", left, placed)
	}
	r.wantOut(t)
	if got := r.run(t); got.Packed != 6 || got.Left != 1 {
		t.Errorf("Run = %+v, want all others packed", got)
	}
	r.hold(t, layout.Scope{Job: "j1"}, r.at)
	r.settle(t)
	r.wantSettled(t)
}

// Runs beside each other, with their ledgers open at once.
func TestRunsTogether(t *testing.T) {
	for round := range 3 {
		r := newRunner(newPacked(t, newMemory(), 20))
		if round == 1 {
			r.pack(t, r.docs[:5])
		}
		if round > 1 {
			r.c.SegmentBytes = 1
		}
		for range 3 {
			var mu sync.Mutex
			r.c.Notice = func(n compact.Notice) {
				mu.Lock()
				defer mu.Unlock()
				r.notices = append(r.notices, n)
			}
			r.c.Planned = nil
			var group errgroup.Group
			for range 4 {
				group.Go(func() error {
					_, err := compact.Run(t.Context(), r.c)
					return err
				})
			}
			if err := group.Wait(); err != nil {
				t.Errorf("round %d: Run: %v", round, err)
			}
			r.at = r.at.Add(grace + time.Hour)
		}
		r.settle(t)
		r.wantSettled(t)
	}
}
