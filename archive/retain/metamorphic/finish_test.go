package metamorphic_test

import (
	"context"
	"fmt"
	"time"

	"logstow/archive/check"
	"logstow/archive/compact"
	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
)

// finish does everything once more, with nothing failing, so late that nothing waits
// for anything; then nothing is left of what is gone, and check finds nothing.
func (w *world) finish() {
	w.t.Helper()
	w.now = w.now.Add(20 * time.Minute)
	all := []func() action{
		func() action { return w.deliver(w.oracle.versions) },
		w.expire, w.compactAll, w.expire,
	}
	for range 2 {
		for _, next := range all {
			a := next()
			err := a.run(w.t.Context(), w.store)
			w.note("finish: %s: error %v", a.name, err)
			w.check(a.done(err))
			w.look()
		}
		w.now = w.now.Add(45 * days)
	}
	for _, v := range w.oracle.versions {
		v.wiped = v.state != stored
	}
	w.check(w.nowhere(w.t.Context()))
	w.checked()
}

// compactAll packs what there is and removes what was replaced.
func (w *world) compactAll() action {
	a := w.compact()
	return action{
		name: "compact everything",
		run: func(ctx context.Context, s store.Store) error {
			if err := retain.LoadHolds(ctx, w.retain(s)); err != nil {
				return err
			}
			c := w.compacting(s)
			c.After = func(*ledger.Document) (time.Duration, bool) { return 0, true }
			c.SegmentBytes = 1 << 20
			_, err := compact.Run(ctx, c)
			return err
		},
		done: a.done,
		torn: a.torn,
	}
}

// checked looks for damage.
func (w *world) checked() {
	w.t.Helper()
	_, err := check.Run(w.t.Context(), check.Config{
		Store: w.store, Ledger: w.ledger, Deep: true, Settle: -100 * 365 * days,
		Finding: func(f check.Finding) { w.t.Log(fmt.Sprintf("%+v", f)) },
	})
	must(w.t, err)
}
