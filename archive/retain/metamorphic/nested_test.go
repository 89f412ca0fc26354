package metamorphic_test

import (
	"context"
	"errors"
	"fmt"

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

// within does inner at a call of outer.
func (w *world) within(outer, inner action, n int, when storetest.When) (outerErr, innerErr error) {
	innerErr = errUndone
	faulty := storetest.NewFaulty(w.store)
	faulty.Arm(storetest.Fault{Call: n, When: when, Do: func() {
		innerErr = inner.run(context.WithoutCancel(w.t.Context()), store.Store(w.store))
	}})
	outerErr = outer.run(w.t.Context(), faulty)
	if errors.Is(innerErr, errUndone) {
		return outerErr, fmt.Errorf("call %d: %w", n, errUndone)
	}
	return outerErr, innerErr
}
