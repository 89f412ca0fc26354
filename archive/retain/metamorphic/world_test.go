package metamorphic_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"logstow/archive/compact"
	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/archive/store/dirstore"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
	"logstow/layout/jobfile"
)

// world is a sequence under way.
type world struct {
	t     *testing.T
	rng   *rand.Rand
	now   time.Time    // later than any clock that this runs by
	away  atomic.Int64 // how long what is being done was interrupted, as a time.Duration
	trace []string

	records *records
	oracle  *oracle
	reader  *jobfile.Reader

	dir    string // of the store; empty: it is in memory
	store  *recorder
	path   string // of the ledger
	ledger *ledger.Ledger
	faults *ledgerFaults

	releasing bool // the store may retain what is held no more

	grace time.Duration // of marks
	seen  map[string]marks
}

func newWorld(t *testing.T, rng *rand.Rand) *world {
	t.Helper()
	reader, err := jobfile.NewReader(jobfile.Config{})
	must(t, err)
	w := &world{
		t: t, rng: rng, now: time.Date(2040, 6, 10, 0, 0, 0, 0, time.UTC), reader: reader,
		records: &records{rng: rng, reader: reader, users: some(rng, users)}, oracle: &oracle{byID: map[id]*version{}},
		path: filepath.Join(t.TempDir(), "ledger.db"), seen: map[string]marks{}, grace: time.Hour,
	}
	switch rng.IntN(4) {
	case 0:
		w.dir = t.TempDir()
	case 1:
		w.store = newRecorder(memstore.NewVersioned())
	default:
		w.store = newRecorder(memstore.New())
	}
	w.open()
	t.Cleanup(func() { w.ledger.Close() })
	w.note("store %T", w.store.Store)
	w.choosePolicies()
	return w
}

func (w *world) note(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf("%3d %s %s", len(w.trace), w.now.Format("06-01-02 15:04"), fmt.Sprintf(format, args...)))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open opens ledger and store, as a process that starts does.
func (w *world) open() {
	w.t.Helper()
	if w.ledger != nil {
		must(w.t, w.ledger.Close())
	}
	w.faults = &ledgerFaults{}
	var err error
	w.ledger, err = ledger.Open(w.t.Context(), ledger.Config{Path: w.path, Fault: w.faults.strike})
	must(w.t, err)
	if w.dir != "" {
		s, err := dirstore.Open(w.dir)
		must(w.t, err)
		w.store = newRecorder(s)
	}
}

func (w *world) retain(s store.Store) retain.Config {
	return retain.Config{Store: s, Ledger: w.ledger, TempDir: w.t.TempDir(), Whose: func(_ ledger.Quarantined, raw io.ReaderAt, size int64) ([]string, error) {
		return w.reader.Users(raw, size)
	}}
}

func (w *world) compacting(s store.Store) compact.Config {
	return compact.Config{Store: s, Ledger: w.ledger, TempDir: w.t.TempDir(), Now: w.clock}
}

// clock is the time, also while something is being done.
func (w *world) clock() time.Time { return w.now.Add(time.Duration(w.away.Load())) }

// action is something that is done: run does it, with a store that may fail. done
// holds how it ended against what it should have done, where nothing was made to
// fail, and has the oracle know it; torn has the oracle know what it may have done.
type action struct {
	name   string
	claims bool // it removes what it has claimed for a time
	run    func(ctx context.Context, s store.Store) error
	done   func(err error) error
	torn   func() error
}

// perform does it, maybe with a failure.
func (w *world) perform(a action) {
	w.t.Helper()
	if w.rng.IntN(5) < 2 {
		f := w.fault()
		hit, err := w.suffer(f, a)
		w.note("%s, %v: hit %v, error %v", a.name, f, hit, err)
		if err == nil || !hit {
			w.check(a.done(err))
		} else {
			w.check(a.torn())
		}
		w.look()
		return
	}
	err := a.run(w.t.Context(), w.store)
	w.note("%s: error %v", a.name, err)
	w.check(a.done(err))
	w.look()
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// fault says what fails. Calls count from 1; at 0 nothing fails.
type fault struct {
	store  int
	when   storetest.When
	ledger int
	phase  ledger.Phase
	dies   bool // nothing works after it, store and ledger alike
}

func (f fault) String() string {
	s := fmt.Sprintf("store call %d fails %s it", f.store, f.when)
	if f.ledger > 0 {
		s = fmt.Sprintf("ledger call %d fails %s it", f.ledger, [...]string{"before", "after"}[f.phase])
	}
	if f.dies {
		s += ", and all after it"
	}
	return s
}

func (w *world) fault() fault {
	f := fault{dies: w.rng.IntN(3) > 0}
	if w.rng.IntN(2) == 0 {
		f.ledger, f.phase = 1+w.rng.IntN(1+w.rng.IntN(25)), ledger.Phase(w.rng.IntN(2))
		return f
	}
	f.store, f.when = 1+w.rng.IntN(1+w.rng.IntN(60)), storetest.When(w.rng.IntN(3))
	return f
}

var errMade = errors.New("made to fail")

// suffer does it with a store and a ledger that fail as f says, and tells whether
// they did.
func (w *world) suffer(f fault, a action) (hit bool, err error) {
	w.t.Helper()
	faulty := storetest.NewFaulty(w.store)
	w.faults.arm(f, func() { faulty.Arm(storetest.Fault{Call: 1, Sticky: true, Err: errMade}) })
	if f.store > 0 {
		strike := storetest.Fault{Call: f.store, When: f.when, Err: errMade, Sticky: f.dies}
		if f.dies {
			strike.Do = w.faults.kill
		}
		faulty.Arm(strike)
	}
	err = a.run(w.t.Context(), faulty)
	hit = w.faults.disarm()
	for _, call := range faulty.Calls() {
		hit = hit || call.Failed
	}
	if f.dies {
		w.open()
	}
	return hit, err
}

// ledgerFaults makes calls of a ledger fail.
type ledgerFaults struct {
	mu    sync.Mutex
	calls int // guarded by mu, as is what follows
	fault fault
	hit   bool
	dead  bool
	die   func()
}

func (f *ledgerFaults) arm(fault fault, die func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls, f.fault, f.hit, f.dead, f.die = 0, fault, false, false, die
}

func (f *ledgerFaults) disarm() (hit bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.dead = fault{}, false
	return f.hit
}

func (f *ledgerFaults) kill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
}

// strike is the ledger's Fault.
func (f *ledgerFaults) strike(_ string, phase ledger.Phase) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if phase == ledger.Before {
		f.calls++
		if f.dead {
			f.hit = true
			return errMade
		}
	}
	if f.fault.ledger == 0 || f.calls != f.fault.ledger || phase != f.fault.phase || f.hit {
		return nil
	}
	f.hit = true
	if f.fault.dies {
		f.dead = true
		f.die()
	}
	return errMade
}

// recorder remembers all that was ever put under a key.
type recorder struct {
	store.Store
	mu  sync.Mutex
	put map[string][][]byte // guarded by mu
}

func newRecorder(s store.Store) *recorder { return &recorder{Store: s, put: map[string][][]byte{}} }

// Unwrap implements store.Wrapper.
func (r *recorder) Unwrap() store.Store { return r.Store }

// Put implements store.Store.
func (r *recorder) Put(ctx context.Context, key string, body store.Body, opts store.PutOptions) error {
	if err := r.Store.Put(ctx, key, body, opts); err != nil {
		return err
	}
	b := make([]byte, body.Size)
	if _, err := body.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put[key] = append(r.put[key], b)
	return nil
}
