package metamorphic_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"logstow/archive"
	"logstow/archive/store"
)

// adopt loses the ledger and makes a new one from the store, maybe with failures
// before.
func (w *world) adopt() {
	w.t.Helper()
	must(w.t, w.ledger.Close())
	w.ledger = nil
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(w.path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			w.t.Fatal(err)
		}
	}
	w.open()
	for w.rng.IntN(3) == 0 {
		f := w.fault()
		hit, err := w.suffer(f, w.adopting(nil))
		w.note("lose the ledger, adopt, %v: hit %v, error %v", f, hit, err)
		if err != nil && !hit {
			w.t.Fatal(err)
		}
	}
	var s archive.AdoptSummary
	err := w.adopting(&s).run(w.t.Context(), w.store)
	w.note("lose the ledger, adopt: %+v, error %v", s, err)
	must(w.t, err)
	if s.Unknown+s.Damaged > 0 {
		w.t.Fatalf("adopt: %+v, want nothing unknown and nothing damaged", s)
	}
	w.check(w.adopted())
	w.look()
}

// adopted has the oracle know what a new ledger does: what has expired is forgotten,
// and may be there again; what a run that broke off has put is there; and what was
// to be erased is.
func (w *world) adopted() error {
	owed := w.oracle.some(func(v *version) bool { return v.state == stored && v.owed && !w.oracle.held(v) })
	for _, v := range w.oracle.versions {
		if v.tried {
			v.key = "" // it may lie under two
		}
	}
	err := w.learn(may{
		stored: func(v *version) bool {
			return v.state == given && v.tried || v.state == expired || v.state == erased && !v.wiped && w.oracle.held(v)
		},
		erased: func(v *version) bool { return v.asked && !w.oracle.held(v) },
		owed:   func(v *version) bool { return v.asked && w.oracle.held(v) },
		marked: func(_ *version, m mark) bool { return m == mark{} },
	})
	for _, v := range owed {
		if v.state == stored {
			err = errors.Join(err, fmt.Errorf("adopt: listed, and to be erased:%s", names([]*version{v})))
		}
	}
	for _, v := range w.oracle.versions {
		if v.state == expired {
			v.state, v.tried = given, true
			v.unsure = v.asked
		}
	}
	return err
}

func (w *world) adopting(into *archive.AdoptSummary) action {
	return action{name: "adopt", run: func(ctx context.Context, s store.Store) error {
		did, err := archive.Adopt(ctx, archive.AdoptConfig{Store: s, Ledger: w.ledger, Reader: w.reader})
		if into != nil {
			*into = did
		}
		return err
	}}
}
