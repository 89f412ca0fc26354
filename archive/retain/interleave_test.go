package retain_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"logstow/archive/compact"
	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store/memstore"
	"logstow/layout"
)

// However holds are placed beside erasures, expiry, packing and restoring: what a
// hold was placed on without a word of its leaving stays, whole; and what an
// erasure says is gone is nowhere.
func TestHoldsBesideEverything(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for round := range 6 {
		t.Run(fmt.Sprintf("seed %d", seed+uint64(round)), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed+uint64(round), 0))
			w := newRack(t, memstore.New())
			w.removeInputs(t, w.pack(t, w.stored(t, ledger.Query{User: "5"})))
			held := w.together(t, r)
			w.wantHeldOnes(t, held)
			// And after everything was done again, and to its end.
			if err := retain.LoadHolds(t.Context(), w.config()); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := retain.ResumeAll(t.Context(), w.config(), why); err != nil {
					t.Errorf("ResumeAll: %v", err)
				}
				if _, err := retain.EraseOwed(t.Context(), w.config(), why); err != nil {
					t.Errorf("EraseOwed: %v", err)
				}
			}
			w.wantHeldOnes(t, held)
			for i := range 5 {
				job := fmt.Sprintf("j%d", i)
				if len(held[job]) == 0 {
					w.wantGoneOrWhole(t, job)
				}
			}
		})
	}
}

// together does everything at once, in a random order, and returns by job what is
// held for sure.
func (w *rack) together(t *testing.T, r *rand.Rand) map[string][]ledger.Document {
	t.Helper()
	var mu sync.Mutex // guards held
	held := map[string][]ledger.Document{}
	var all []func()
	for i := range 5 {
		job := fmt.Sprintf("j%d", i)
		all = append(all,
			func() {
				h := ledger.Hold{Scope: layout.Scope{User: "5", Job: job}}
				_, err := retain.Place(t.Context(), w.config(), h, nil)
				if _, leaving := errors.AsType[*retain.LeavingError](err); leaving {
					return
				}
				if err != nil {
					t.Errorf("Place on %s: %v", job, err)
				}
				docs, err := w.ledger.ByJob(t.Context(), "5", job) // others may have been gone before
				if err != nil {
					t.Errorf("look for %s: %v", job, err)
				}
				mu.Lock()
				defer mu.Unlock()
				held[job] = docs
			},
			func() { w.eraseNow(t, job) },
			func() { w.expireNow(t, job) },
		)
	}
	all = append(all, func() {
		c := compact.Config{Store: w.inner, Ledger: w.ledger, After: func(*ledger.Document) (time.Duration, bool) { return 0, true }}
		if _, err := compact.Run(t.Context(), c); err != nil {
			t.Errorf("compact: %v", err)
		}
	}, func() {
		if _, err := compact.Restore(t.Context(), compact.Config{Store: w.inner, Ledger: w.ledger}, ledger.Query{User: "5"}, nil); err != nil {
			t.Errorf("restore: %v", err)
		}
	})
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var wg sync.WaitGroup
	for _, f := range all {
		wg.Go(f)
	}
	wg.Wait()
	return held
}

func (w *rack) eraseNow(t *testing.T, job string) {
	docs, err := w.ledger.ByJob(context.Background(), "5", job)
	if err != nil {
		t.Errorf("look for %s: %v", job, err)
	}
	if len(docs) == 0 {
		return // it expired
	}
	_, err = retain.Erase(context.Background(), w.config(), docs, why)
	if _, held := errors.AsType[*retain.HeldError](err); !held && err != nil && !errors.Is(err, ledger.ErrMoved) {
		t.Errorf("Erase of %s: %v", job, err)
	}
}

func (w *rack) expireNow(t *testing.T, job string) {
	docs, err := w.ledger.ByJob(context.Background(), "5", job)
	if err != nil || len(docs) == 0 {
		return
	}
	if _, err := w.ledger.Mark(context.Background(), []int64{docs[0].ID}, ledger.Mark{Policy: "p", Marked: noon, Due: noon}); err != nil {
		t.Errorf("mark %s: %v", job, err)
	}
	c := retain.ExpireConfig{Config: w.config(), Policies: retain.Policies{{Name: "p", Match: retain.Match{Users: []string{"5"}}, ExpireAfter: retain.Period{Days: 1}}}}
	if _, err := retain.Expire(context.Background(), c); err != nil && !errors.Is(err, ledger.ErrMoved) {
		t.Errorf("Expire: %v", err)
	}
}

// wantHeldOnes checks that all that is held is there, whole.
func (w *rack) wantHeldOnes(t *testing.T, held map[string][]ledger.Document) {
	t.Helper()
	for job, want := range held {
		docs := w.stored(t, ledger.Query{User: "5", Job: job})
		if len(docs) != len(want) {
			t.Errorf("%d versions of %s are listed, which is on hold, want %d", len(docs), job, len(want))
		}
		for _, d := range docs {
			if !bytes.Equal(w.read(t, d), w.objects[d.Key]) {
				t.Errorf("%s is on hold, and not whole", d.Key)
			}
			if d.Overflow && w.object(t, layout.Overflow(d.Key)) == nil {
				t.Errorf("the full record of %s is gone, which is on hold", d.Key)
			}
		}
	}
}

// wantGoneOrWhole checks that a version that is listed is whole, and that a job none
// of whose versions is there any more is nowhere.
func (w *rack) wantGoneOrWhole(t *testing.T, job string) {
	t.Helper()
	for _, d := range w.stored(t, ledger.Query{User: "5", Job: job}) {
		if !bytes.Equal(w.read(t, d), w.objects[d.Key]) {
			t.Errorf("%s is not whole", d.Key)
		}
	}
	versions, err := w.ledger.Versions(t.Context(), "5", job)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range versions {
		if d.State != ledger.Erased {
			return
		}
	}
	w.wantNowhere(t, job)
}
