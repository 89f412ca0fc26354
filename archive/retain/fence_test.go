package retain_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/layout"
)

// losing is a store that calls lose when some requests removed something, but not
// before the files of an export are listed.
type losing struct {
	store.Store
	left int // requests until then
	lose func()
}

func (s *losing) List(ctx context.Context, o store.ListOptions) iter.Seq2[store.Info, error] {
	if s.left == 0 && strings.HasPrefix(o.Prefix, layout.Exports) {
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

// An erasure whose lease is taken over when everything is marked, or in the
// middle of its removals, removes nothing more; whoever took it over does.
func TestEraseUnderALostLease(t *testing.T) {
	// Two files of an export, two records as they came, three documents, and what
	// was done to two of them: a request each.
	for requests, removed := range []int{0, 2, 4, 7, 9} {
		t.Run(fmt.Sprintf("after %d requests", requests), func(t *testing.T) {
			w := newWorld(t)
			lease := func(now time.Time) context.Context {
				l, err := w.ledger.AcquireLease(t.Context(), ledger.Lease{Task: "retain", Holder: "h", Since: now, Until: now.Add(time.Minute)})
				if err != nil {
					t.Fatal(err)
				}
				return ledger.WithFence(t.Context(), l)
			}
			before := len(w.keys(t)) + 1 // with the record of the erasure
			paused := lease(noon)
			var taken context.Context
			c := w.config()
			c.Store = &losing{Store: w.inner, left: requests, lose: func() {
				if taken == nil {
					taken = lease(noon.Add(time.Hour))
				}
			}}
			if n, err := retain.Erase(paused, c, w.docs, why); n != 0 || !errors.Is(err, ledger.ErrFenced) {
				t.Errorf("Erase = %d, %v, want ErrFenced", n, err)
			}
			if left := len(w.keys(t)); left != before-removed {
				t.Errorf("%d of %d objects are left, want %d to be gone", left, before, removed)
			}
			if n, err := retain.ResumeAll(paused, c, why); n != 0 || !errors.Is(err, ledger.ErrFenced) {
				t.Errorf("ResumeAll by who lost the lease = %d, %v, want ErrFenced", n, err)
			}
			if n, err := retain.ResumeAll(taken, w.config(), why); n != 3 || err != nil {
				t.Errorf("ResumeAll by who took the lease over = %d, %v, want 3", n, err)
			}
			w.wantErased(t)
			w.wantRebuilt(t)
		})
	}
}
