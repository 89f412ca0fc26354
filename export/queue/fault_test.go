package queue_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
)

// watched is a store that looks after each call whether the ledger lies.
type watched struct {
	store.Store
	look func()
}

func (s watched) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) error {
	defer s.look()
	return s.Store.Put(ctx, key, b, o)
}

func (s watched) Delete(ctx context.Context, keys ...string) error {
	defer s.look()
	return s.Store.Delete(ctx, keys...)
}

// watch returns what looks whether the ledger lies.
func (w *world) watch() func() {
	return func() {
		if err := w.lie(context.WithoutCancel(w.t.Context())); err != nil {
			w.t.Error(err)
		}
	}
}

// faultySize makes a file of several pieces.
const faultySize = 200_000

// TestStoreFaults lets every call to the store fail in turn, before, during and
// after it takes effect: once, or for good as where the process dies. A second
// attempt then makes the export.
func TestStoreFaults(t *testing.T) {
	count := func() int {
		w := newMemory(t)
		s := storetest.NewFaulty(w.s)
		c := w.config()
		c.Store, c.Exporter = s, copyJobs(s)
		id := w.create(faultySize)
		_, err := w.queue(c).Work(t.Context(), id, nil)
		must(t, err)
		return len(s.Calls())
	}()
	if count != 3 {
		t.Fatalf("%d calls, want two Gets and a Put", count)
	}
	for n := 1; n <= count; n++ {
		for _, when := range []storetest.When{storetest.Before, storetest.During, storetest.After} {
			for _, dies := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d %s dies=%v", n, when, dies), func(t *testing.T) {
					w := newMemory(t)
					s := storetest.NewFaulty(w.s)
					ctx, die := context.WithCancel(t.Context())
					defer die()
					fault := storetest.Fault{Call: n, When: when, Err: store.ErrUnavailable, Sticky: dies}
					if dies {
						fault.Do = die
					}
					s.Arm(fault)
					c := w.config()
					c.Store, c.Exporter = watched{s, w.watch()}, copyJobs(s)
					id := w.create(faultySize)
					got, err := w.queue(c).Work(ctx, id, nil)
					if dies {
						if !errors.Is(err, context.Canceled) || w.state(id).State != ledger.ExportCreated {
							t.Errorf("Work = %v, and the export is %s; want it given back", err, w.state(id).State)
						}
						s.Reset()
						got, err = w.queue(c).Work(t.Context(), id, nil)
					}
					if err != nil || (got.Attempt == 2) != dies {
						t.Errorf("Work = attempt %d, %v", got.Attempt, err)
					}
					w.wantReady(id)
				})
			}
		}
	}
}

// strikes fails the nth call to a ledger.
type strikes struct {
	n     int // 0: none
	phase ledger.Phase
	err   error
	look  func()

	mu    sync.Mutex
	calls int // guarded by mu
	off   bool
}

func (f *strikes) strike(_ string, p ledger.Phase) error {
	if f.look != nil {
		f.look()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if p == ledger.Before {
		f.calls++
	}
	if f.calls == f.n && p == f.phase && !f.off {
		f.off = true
		return f.err
	}
	return nil
}

// TestLedgerFaults lets every call to the ledger fail in turn, before and after
// it takes effect, in passing or for good. A second attempt then makes the
// export, once its claim has run out.
func TestLedgerFaults(t *testing.T) {
	work := func(t *testing.T, f *strikes) (*world, string, error) {
		w := newMemory(t)
		f.look = w.watch()
		id := w.create(faultySize)
		c := w.config()
		c.Ledger = w.ledger(f.strike)
		_, err := w.queue(c).Work(t.Context(), id, nil)
		return w, id, err
	}
	count := &strikes{}
	if _, _, err := work(t, count); err != nil || count.calls != 4 {
		t.Fatalf("%d calls, %v; want a look, a claim, an end, and another look", count.calls, err)
	}
	injected := errors.New("injected fault")
	for n := 1; n <= count.calls; n++ {
		for _, phase := range []ledger.Phase{ledger.Before, ledger.After} {
			for _, passes := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d %d passes=%v", n, phase, passes), func(t *testing.T) {
					f := &strikes{n: n, phase: phase, err: injected}
					if passes {
						f.err = ledger.ErrBusy
					}
					w, id, err := work(t, f)
					if finishing := n == 3; !errors.Is(err, f.err) && !(finishing && passes && err == nil) {
						t.Errorf("Work = %v, want %v", err, f.err)
					}
					c := w.config()
					c.Now = func() time.Time { return time.Now().Add(c.Lease + time.Hour) } // what is claimed has run out
					_, err = w.queue(c).Work(t.Context(), id, nil)
					must(t, err)
					w.wantReady(id)
				})
			}
		}
	}
}

// A queue goes on after every fault of the ledger.
func TestRunOutlivesLedgerFaults(t *testing.T) {
	for n := 1; n <= 4; n++ {
		for _, phase := range []ledger.Phase{ledger.Before, ledger.After} {
			t.Run(fmt.Sprint(n, phase), func(t *testing.T) {
				noLeaks(t)
				w := newWorld(t, memstore.New())
				f := &strikes{n: n, phase: phase, err: errors.New("injected fault"), look: w.watch()}
				finished := make(chan struct{}, 100)
				c := w.config()
				c.Ledger, c.Workers, c.Poll, c.Lease = w.ledger(func(op string, p ledger.Phase) error {
					err := f.strike(op, p)
					if op == "finish export" && p == ledger.After {
						finished <- struct{}{}
					}
					return err
				}), 1, time.Millisecond, 300*time.Millisecond
				ids := []string{w.create(10), w.create(10), w.create(10)}
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- w.queue(c).Run(ctx) }()
				for !w.allReady(ids...) {
					<-finished
				}
				stop()
				must(t, <-ended)
				w.wantReady(ids...)
			})
		}
	}
}

// allReady tells whether exports are ready.
func (w *world) allReady(ids ...string) bool {
	w.t.Helper()
	for _, id := range ids {
		if w.state(id).State != ledger.ExportReady {
			return false
		}
	}
	return true
}
