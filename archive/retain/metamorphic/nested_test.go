package metamorphic_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"logstow/archive/store"
	"logstow/archive/store/storetest"
)

// nested does one thing in the middle of another, between any two calls of that to
// the store. One of them changes nothing that can be seen.
func (w *world) nested() {
	quiet := []func() action{w.compact, w.compact, w.restore}
	loud := []func() action{w.compact, w.restore, w.archive, w.expire, w.erase, w.erase, w.eraseUser, w.place, w.place, w.release, w.resume}
	outer, inner := quiet[w.rng.IntN(len(quiet))](), loud[w.rng.IntN(len(loud))]()
	switch w.rng.IntN(6) {
	case 0:
		outer, inner = w.read(), quiet[w.rng.IntN(len(quiet))]()
	case 1, 2:
		outer, inner = inner, outer
	}
	n, when := 1+w.rng.IntN(1+w.rng.IntN(60)), []storetest.When{storetest.Before, storetest.After}[w.rng.IntN(2)]
	outerErr, innerErr := w.within(outer, inner, n, when)
	w.note("%s: error %v; %s its call %d: %s: error %v", outer.name, outerErr, when, n, inner.name, innerErr)
	if errors.Is(innerErr, errUndone) {
		w.check(outer.done(outerErr))
		w.look()
		return
	}
	w.check(inner.done(innerErr))
	w.check(outer.done(outerErr))
	w.look()
}

var errUndone = errors.New("it had ended before")

// within does inner at a call of outer, which is away for so long that others take it
// for dead. Who removes what it claimed is not, right after it has looked whether the
// claim is still its own: then inner is done at a later call.
func (w *world) within(outer, inner action, n int, when storetest.When) (outerErr, innerErr error) {
	innerErr = errUndone
	faulty := storetest.NewFaulty(w.store)
	var strike func(n int) storetest.Fault
	strike = func(n int) storetest.Fault {
		return storetest.Fault{Call: n, When: when, Do: func() {
			if outer.claims && when == storetest.Before && removes(faulty.Calls()[n-1]) {
				faulty.Arm(strike(n + 1))
				return
			}
			w.away.Add(int64(longGone))
			innerErr = inner.run(context.WithoutCancel(w.t.Context()), store.Store(w.store))
		}}
	}
	faulty.Arm(strike(n))
	outerErr = outer.run(w.t.Context(), faulty)
	w.now = w.now.Add(time.Duration(w.away.Swap(0)))
	if errors.Is(innerErr, errUndone) {
		return outerErr, fmt.Errorf("call %d: %w", n, errUndone)
	}
	return outerErr, innerErr
}

func removes(c storetest.Call) bool { return c.Method == "Delete" || c.Method == "DeleteVersions" }
