package queue_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/export/queue"
)

// losing is a store that calls lose when some objects were deleted, but not
// before it was asked for anything.
type losing struct {
	store.Store
	left int // deletions until then
	lose func()
}

func (s *losing) List(ctx context.Context, o store.ListOptions) iter.Seq2[store.Info, error] {
	if s.left == 0 {
		s.lose()
	}
	return s.Store.List(ctx, o)
}

func (s *losing) Delete(ctx context.Context, keys ...string) error {
	err := s.Store.Delete(ctx, keys...)
	if s.left--; s.left == 0 {
		s.lose()
	}
	return err
}

// A sweep whose lease is taken over when the exports are marked, or in the
// middle of its removals, removes nothing more; whoever took it over does.
func TestSweepUnderALostLease(t *testing.T) {
	for removed := range 5 {
		t.Run(fmt.Sprintf("after %d removals", removed), func(t *testing.T) {
			w := newMemory(t)
			ids := []string{w.create(10), w.create(10)}
			w.make(ids...)
			w.put(ids[0] + "/2.log")
			w.put(newID() + "/1.log")
			w.put(newID() + "/1.log")
			before := len(w.keys())
			day := time.Now().Add(25 * time.Hour)
			lease := func(now time.Time) context.Context {
				l, err := w.l.AcquireLease(t.Context(), ledger.Lease{Task: "sweep", Holder: "h", Since: now, Until: now.Add(time.Minute)})
				must(t, err)
				return ledger.WithFence(t.Context(), l)
			}
			paused := lease(day)
			var taken context.Context
			c := w.config()
			c.Store = &losing{Store: w.s, left: removed, lose: func() {
				if taken == nil {
					taken = lease(day.Add(time.Hour))
				}
			}}
			n, err := w.queue(c).Sweep(paused, day)
			if n != removed || !errors.Is(err, ledger.ErrFenced) {
				t.Errorf("Sweep = %d, %v; want %d, ErrFenced", n, err, removed)
			}
			if left := len(w.keys()); left != before-removed {
				t.Errorf("%d of %d files are left, want %d to be gone", left, before, removed)
			}
			for _, id := range ids {
				if s := w.state(id).State; s == ledger.ExportSwept && removed < 3 {
					t.Errorf("export %s is %s by who lost the lease", id, s)
				}
			}
			if n, err := w.queue(w.config()).Sweep(taken, day.Add(queue.Grace)); n != before-removed || err != nil {
				t.Errorf("Sweep by who took the lease over = %d, %v; want %d", n, err, before-removed)
			}
			w.wantKeys()
			for _, id := range ids {
				if s := w.state(id).State; s != ledger.ExportSwept {
					t.Errorf("export %s is %s, want it swept", id, s)
				}
			}
		})
	}
}
