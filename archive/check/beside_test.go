package check_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"logstow/archive"
	"logstow/archive/check"
	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/archive/store/dirstore"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
	"logstow/layout"
)

func newFolder(t *testing.T) *world {
	t.Helper()
	s, err := dirstore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return newWorld(t, s)
}

// What a running archive, deletion or dropping is at work on is no finding.
func TestFindsNothingBesideOthers(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(uint64(seed), 0))
	w := newFolder(t)
	w.fill()
	var work sync.WaitGroup
	work.Go(func() {
		for i := range 4 {
			var records []string
			for j := range 20 {
				records = append(records, job(fmt.Sprintf("j%d-%d", i, j), fmt.Sprintf(`,"lines":["%0*d"]`, 1+j*50, i)))
				records = append(records, job(fmt.Sprintf("j%d-%d", i, j), `,"v":2`))
			}
			w.archive(archive.Config{MaxFileSize: 500}, w.file(append(records, fmt.Sprintf(`{"n":%d}`, i))...))
			for range rng.IntN(20) {
				w.erase(fmt.Sprintf("j%d-%d", rng.IntN(i+1), rng.IntN(20)))
			}
			for q, err := range w.ledger.Quarantine(t.Context(), ledger.QuarantineQuery{States: []ledger.QuarantineState{ledger.StillOpen}}) {
				w.ok(err)
				w.ok(archive.DropQuarantined(t.Context(), w.store, w.ledger, q.ID))
				break
			}
		}
	})
	done := make(chan struct{})
	go func() { work.Wait(); close(done) }()
	checks := 0
	for running := true; running; checks++ {
		select {
		case <-done:
			running = false // one more, of all of it
		default:
		}
		w.want(check.Config{Deep: checks%2 == 0})
	}
	w.want(thorough)
	t.Logf("%d checks", checks)
}

// erasing breaks an erasure off, as a process that dies there does.
func (w *world) erasing(id string, call int) {
	w.t.Helper()
	s := storetest.NewFaulty(w.store)
	broken := errors.New("killed")
	s.Arm(storetest.Fault{Call: call, Err: broken, Sticky: true})
	_, err := retain.Erase(w.t.Context(), retain.Config{Store: s, Ledger: w.ledger}, w.versions(id), why())
	if !errors.Is(err, broken) {
		w.t.Fatalf("Erase = %v, want %v", err, broken)
	}
}

func TestUnfinishedErasure(t *testing.T) {
	w := newFolder(t)
	w.fill()
	key := w.key("half")
	w.erasing("half", 3)
	if d := w.versions("half")[0]; d.State != ledger.Deleting {
		t.Fatalf("the row is %s, want deleting", d.State)
	}
	w.want(check.Config{Deep: true}) // somebody may be at it
	w.want(thorough, found{check.Leftover, false, key, "was begun and not finished"})
	_, err := retain.ResumeAll(t.Context(), retain.Config{Store: w.store, Ledger: w.ledger}, why())
	w.ok(err)
	w.want(thorough)
}

func TestErasureThatTheLedgerNeverSaw(t *testing.T) {
	w := newFolder(t)
	w.fill()
	broken := errors.New("killed")
	dying, err := ledger.Open(t.Context(), ledger.Config{Path: w.path, Fault: func(op string, _ ledger.Phase) error {
		if op == "start erasure" {
			return broken
		}
		return nil
	}})
	w.ok(err)
	defer dying.Close()
	if _, err = retain.Erase(t.Context(), retain.Config{Store: w.store, Ledger: dying}, w.versions("half"), why()); !errors.Is(err, broken) {
		t.Fatalf("Erase = %v, want %v", err, broken)
	}
	w.want(check.Config{})
	w.want(thorough, found{check.Leftover, false, w.key("half"), "delete the job again"})
}

func TestRawBytesThatNobodyRemoved(t *testing.T) {
	w := newFolder(t)
	w.fill()
	for q, err := range w.ledger.Quarantine(t.Context(), ledger.QuarantineQuery{States: []ledger.QuarantineState{ledger.StillOpen}}) {
		w.ok(err)
		_, err := w.ledger.SetQuarantine(t.Context(), ledger.StillOpen, ledger.Dropping, q.ID)
		w.ok(err)
		note := q.Key[:len(q.Key)-len(".zst")] + ".json"
		w.want(check.Config{}, found{check.Leftover, false, q.Key, "is dropping"}, found{check.Leftover, false, note, "is dropping"})
		w.ok(archive.DropQuarantined(t.Context(), w.store, w.ledger, q.ID))
		break
	}
	w.want(thorough)
}

// A ledger that lost everything leaves a store of orphans and unknown erasures,
// and none of it is damage; one that is new tells of everything as missing where
// the store is another.
func TestOtherLedger(t *testing.T) {
	w := newFolder(t)
	w.fill()
	empty := newWorld(t, w.store)
	all, s, err := empty.check(thorough)
	w.ok(err)
	counts, err := w.ledger.Counts(t.Context())
	w.ok(err)
	open := int64(0)
	for _, err := range w.ledger.Quarantine(t.Context(), ledger.QuarantineQuery{States: []ledger.QuarantineState{ledger.StillOpen}}) {
		w.ok(err)
		open++
	}
	if want := counts.Documents + open + 1; s.Findings[check.Orphaned] != want || s.Damage != 0 {
		t.Errorf("with an empty ledger: %+v, want %d orphans: %v", s, want, all)
	}
	other := check.Config{Store: memstore.New(), Settle: -1}
	if _, s, err = w.check(other); err != nil || s.Findings[check.Missing] < counts.Documents || s.Findings[check.Missing] != s.Damage+1 { // and an export's file
		t.Errorf("with an empty store: %+v, %v, want at least %d missing", s, err, counts.Documents)
	}
}

// forbidding refuses what a role may not do.
type forbidding struct {
	store.Store
	list, get, stat bool
}

var errForbidden = fmt.Errorf("%w: %w", store.ErrRefused, fs.ErrPermission)

func (f forbidding) Get(ctx context.Context, key string, part store.Range) (io.ReadCloser, store.Info, error) {
	if f.get {
		return nil, store.Info{}, errForbidden
	}
	return f.Store.Get(ctx, key, part)
}

func (f forbidding) Stat(ctx context.Context, key string) (store.Info, error) {
	if f.stat {
		return store.Info{}, errForbidden
	}
	return f.Store.Stat(ctx, key)
}

func (f forbidding) List(ctx context.Context, opts store.ListOptions) iter.Seq2[store.Info, error] {
	if f.list {
		return func(yield func(store.Info, error) bool) { yield(store.Info{}, errForbidden) }
	}
	return f.Store.List(ctx, opts)
}

func TestForbidden(t *testing.T) {
	w := newFolder(t)
	w.fill()
	for _, lost := range []string{w.key("plain"), layout.Meta(w.key("capped")), w.one("_logstow/quarantine/", ".zst")} {
		w.restore()
		w.remove(lost)
		for _, f := range []forbidding{{list: true}, {get: true}, {stat: true}} {
			f.Store = w.store
			all, _, err := w.check(check.Config{Store: f, Settle: -1})
			if !errors.Is(err, fs.ErrPermission) || len(all) > 0 {
				t.Errorf("without %s, list, get or stat forbidden (%t, %t, %t): %v, %v; want fs.ErrPermission and nothing found",
					lost, f.list, f.get, f.stat, all, err)
			}
		}
	}
}

// meddled is a store where something happens right before an object is looked
// at, or right after it was opened.
type meddled struct {
	store.Store
	key   string
	do    func()
	after bool
}

func (m meddled) Stat(ctx context.Context, key string) (store.Info, error) {
	if key == m.key {
		m.do()
	}
	return m.Store.Stat(ctx, key)
}

func (m meddled) Get(ctx context.Context, key string, part store.Range) (io.ReadCloser, store.Info, error) {
	if key == m.key && m.after {
		defer m.do()
	} else if key == m.key {
		m.do()
	}
	return m.Store.Get(ctx, key, part)
}

// What is deleted between the moment in which it is noticed and that in which it
// is looked at is no finding.
func TestDeletedMeanwhile(t *testing.T) {
	for _, c := range []struct {
		name  string
		after bool
		key   func(w *world) string
		to    func(w *world, key string)
	}{
		{"document not listed", false, func(w *world) string { return w.key("capped") }, func(w *world, key string) { w.remove(key) }},
		{"meta not listed", false, func(w *world) string { return layout.Meta(w.key("capped")) }, func(w *world, key string) { w.remove(key) }},
		{"document changed", false, func(w *world) string { return w.key("capped") }, func(w *world, key string) { w.put(key, flipped(w.get(key))) }},
		{"document truncated", false, func(w *world) string { return w.key("capped") }, func(w *world, key string) { w.put(key, nil) }},
		{"document changed, and read", true, func(w *world) string { return w.key("capped") }, func(w *world, key string) { w.put(key, flipped(w.get(key))) }},
		{"document whole", false, func(w *world) string { return w.key("capped") }, func(*world, string) {}},
		{"overflow whole", false, func(w *world) string { return layout.Overflow(w.key("capped")) }, func(*world, string) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newFolder(t)
			w.fill()
			key := c.key(w)
			c.to(w, key)
			erased := sync.OnceFunc(func() { w.erase("capped") })
			w.want(check.Config{Store: meddled{w.store, key, erased, c.after}, Deep: true})
			if w.versions("capped")[0].State != ledger.Erased {
				t.Errorf("the check never looked at %s", key)
			}
		})
	}
}

// Every call to the store fails, or is where the check is interrupted: that is
// its error, and nothing is reported that isn't so.
func TestFaultsAndInterruptions(t *testing.T) {
	w := newFolder(t)
	w.fill()
	s := storetest.NewFaulty(unwritable{w.store, t})
	run := func(ctx context.Context) error {
		_, err := check.Run(ctx, check.Config{
			Store: s, Ledger: w.ledger, Deep: true, Concurrency: 1, Settle: -1,
			Finding: func(f check.Finding) { t.Errorf("found %+v", f) },
		})
		return err
	}
	w.ok(run(t.Context()))
	calls := len(s.Calls())
	if calls < 50 {
		t.Fatalf("a check makes %d calls", calls)
	}
	for n := 1; n <= calls; n++ {
		for _, when := range []storetest.When{storetest.Before, storetest.During} {
			s.Reset()
			s.Arm(storetest.Fault{Call: n, When: when, Err: store.ErrUnavailable})
			if err := run(t.Context()); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("call %d fails %s: %v, want ErrUnavailable", n, when, err)
			}
		}
		s.Reset()
		ctx, cancel := context.WithCancel(t.Context())
		s.Arm(storetest.Fault{Call: n, Do: cancel, Err: context.Canceled})
		if err := run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("interrupted at call %d: %v, want context.Canceled", n, err)
		}
		cancel()
	}
}

func TestSampleIsRefused(t *testing.T) {
	for _, sample := range []float64{-0.1, 1.1} {
		if _, err := check.Run(t.Context(), check.Config{Sample: sample}); err == nil {
			t.Errorf("a sample of %v is taken", sample)
		}
	}
}
