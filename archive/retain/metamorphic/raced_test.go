package metamorphic_test

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/archive/store/storetest"
)

// raced places a hold in the middle of what removes: what is listed when the hold is
// placed stays, whoever was about to remove it.
func (w *world) raced() {
	if len(w.oracle.some(isStored)) == 0 {
		return
	}
	removes := []func() action{w.expire, w.erase, w.eraseUser}
	outer, inner := removes[w.rng.IntN(len(removes))](), w.place()
	kept := map[id]bool{}
	placed := inner.run
	inner.run = func(ctx context.Context, s store.Store) error {
		err := placed(ctx, s)
		for d, listErr := range w.ledger.Documents(ctx, ledger.Query{}) {
			if listErr != nil {
				return listErr
			}
			kept[id{d.User, d.Job, d.InputHash}] = true
		}
		return err
	}
	outerErr, innerErr := w.within(outer, inner, 1+w.rng.IntN(1+w.rng.IntN(40)), storetest.Before)
	w.note("%s: error %v; in it: %s: error %v", outer.name, outerErr, inner.name, innerErr)
	if errors.Is(innerErr, errUndone) {
		w.check(outer.done(outerErr))
		w.look()
		return
	}
	var held *retain.HeldError
	var leaving *retain.LeavingError
	if outerErr != nil && !errors.As(outerErr, &held) || innerErr != nil && !errors.As(innerErr, &leaving) {
		w.t.Fatalf("%s: %v; %s: %v", outer.name, outerErr, inner.name, innerErr)
	}
	before := w.oracle.some(isStored)
	wanted := w.oracle.expire(w.now, w.grace)
	w.check(inner.done(nil)) // what is leaving it names, and the oracle doesn't know yet
	gone := func(v *version) bool { return slices.Contains(before, v) && !(w.oracle.held(v) && kept[v.id()]) }
	w.check(w.learn(may{
		erased:  func(v *version) bool { return gone(v) && !slices.Contains(wanted.expires, v) },
		expired: func(v *version) bool { return gone(v) && slices.Contains(wanted.expires, v) },
		owed:    func(v *version) bool { return w.oracle.held(v) || v.owed },
		marked:  func(*version, mark) bool { return true },
	}))
	for _, v := range before {
		v.asked = true
	}
	for _, v := range w.oracle.some(isStored) {
		if w.oracle.held(v) && !kept[v.id()] {
			w.t.Fatal(fmt.Errorf("on hold, and was not listed when it was placed:%s", names([]*version{v})))
		}
	}
	w.look()
}
