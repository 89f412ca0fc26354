package metamorphic_test

import (
	"context"
	"slices"
	"time"

	"logstow/archive/check"
	"logstow/archive/compact"
	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/layout"
)

// finish does everything once more, with nothing failing, so late that nothing waits
// for anything; then nothing is left of what is gone, and check finds nothing that
// nobody explains.
func (w *world) finish() {
	w.t.Helper()
	w.now = w.now.Add(20 * time.Minute)
	all := []func() action{
		func() action { return w.deliver(w.oracle.versions) },
		w.eraseAgain, w.restoreAll, w.expire, w.compactAll, w.expire,
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

// eraseAgain erases what an erasure that broke off has on record, and no more.
func (w *world) eraseAgain() action {
	return w.eraseThese(w.oracle.some(func(v *version) bool { return v.state == stored && v.asked && !v.owed }))
}

// restoreAll takes everything out of segments, also what a restore that broke off
// has left beside one.
func (w *world) restoreAll() action {
	a := w.restore()
	a.name, a.run = "restore everything", func(ctx context.Context, s store.Store) error {
		_, err := compact.Restore(ctx, w.compacting(s), ledger.Query{}, nil)
		return err
	}
	return a
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

// checked looks for damage, and for what nobody explains.
func (w *world) checked() {
	w.t.Helper()
	s, err := check.Run(w.t.Context(), check.Config{
		Store: w.store, Ledger: w.ledger, Deep: true, Settle: -100 * 365 * days,
		Finding: func(f check.Finding) {
			if !w.explained(f) {
				w.t.Errorf("check: %+v", f)
			}
		},
	})
	must(w.t, err)
	if want := int64(len(w.oracle.some(isStored))); s.Documents != want {
		w.t.Errorf("check looked for %d documents, want %d", s.Documents, want)
	}
}

// explained tells whether a finding is what was put beside a key before another
// document came to lie there: since a run broke off, or had found the key taken by
// what one had left.
func (w *world) explained(f check.Finding) bool {
	n, err := layout.Parse(f.Key)
	if err != nil || f.Kind != check.Leftover || n.Kind != layout.MetaKey && n.Kind != layout.OverflowKey {
		return false
	}
	return slices.ContainsFunc(w.oracle.versions, func(v *version) bool {
		return v.tried && v.info.User == n.User && v.info.Job == n.ID
	})
}
