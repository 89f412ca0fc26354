package archive_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/source/filesource"
	"logstow/archive/store"
	"logstow/archive/store/dirstore"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
	"logstow/layout/jobfile"
)

// oracleWorld is a sequence under way.
type oracleWorld struct {
	t     *testing.T
	rng   *rand.Rand
	trace []string

	records *oracleRecords
	folders []*oracleFolder
	past    []*oracleContent // all that were delivered
	oracle  *oracle

	store  store.Store
	path   string // of the ledger
	ledger *ledger.Ledger
	faults *oracleLedgerFaults

	config archive.Config // what stays the same from run to run
	spool  int64
	// A run may say that unread bytes are gone: a file vanished since the last
	// run that ended well; or was compressed, when its cursor may have nothing
	// to be recognised by; or was copied, and the run that saw the copy failed
	// before it could say so.
	removed, copied bool
	orphans         int // objects without a row, after the last check
}

func newOracleWorld(t *testing.T, rng *rand.Rand) *oracleWorld {
	t.Helper()
	w := &oracleWorld{t: t, rng: rng, path: filepath.Join(t.TempDir(), "ledger.db")}
	limit := 2500
	w.records = &oracleRecords{rng: rng, limit: limit, users: 1 + rng.IntN(3)}
	for range 1 + rng.IntN(2) {
		w.folders = append(w.folders, &oracleFolder{dir: t.TempDir(), files: map[string]*oracleFile{}})
	}
	keep := rng.IntN(5) > 0
	w.oracle = newOracle(t, limit, keep)
	w.store = memstore.New()
	if rng.IntN(8) == 0 {
		var err error
		w.store, err = dirstore.Open(t.TempDir())
		oracleMust(t, err)
	}
	w.spool = []int64{1500, 8 << 20}[rng.IntN(2)]
	w.config = archive.Config{
		Concurrency: []int{1, 3, 32}[rng.IntN(3)],
		Overflow:    archive.Drop,
		MaxFileSize: int64(limit),
	}
	if keep {
		w.config.Overflow = archive.Keep
	}
	w.open()
	t.Cleanup(func() { w.ledger.Close() })
	w.note("store %T, %d folders, overflow %s, concurrency %d, spool size %d", w.store, len(w.folders), w.config.Overflow, w.config.Concurrency, w.spool)
	return w
}

func (w *oracleWorld) note(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf("%3d %s", len(w.trace), fmt.Sprintf(format, args...)))
}

func (w *oracleWorld) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf(format, args...)
}

// open opens the ledger, as a process that starts does.
func (w *oracleWorld) open() {
	w.t.Helper()
	if w.ledger != nil {
		oracleMust(w.t, w.ledger.Close())
	}
	w.faults = &oracleLedgerFaults{}
	l, err := ledger.Open(w.t.Context(), ledger.Config{Path: w.path, Fault: w.faults.strike})
	oracleMust(w.t, err)
	w.ledger = l
}

// oracleFault says what fails in a run. Calls count from 1; at 0 nothing fails.
type oracleFault struct {
	store      int
	when       storetest.When
	ledger     int
	phase      ledger.Phase
	dies       bool // nothing works after it, store and ledger alike
	cancel     int  // the call to the store at which ctx ends
	cancelWhen storetest.When
	err        error
}

func (f oracleFault) String() string {
	var parts []string
	if f.store > 0 {
		parts = append(parts, fmt.Sprintf("store call %d fails %s it", f.store, f.when))
	}
	if f.ledger > 0 {
		parts = append(parts, fmt.Sprintf("ledger call %d fails %s it", f.ledger, [...]string{"before", "after"}[f.phase]))
	}
	if f.dies {
		parts = append(parts, "and all after it")
	}
	if f.cancel > 0 {
		parts = append(parts, fmt.Sprintf("cancelled %s store call %d", f.cancelWhen, f.cancel))
	}
	if parts == nil {
		return "nothing fails"
	}
	return strings.Join(parts, ", ")
}

var errOracle = errors.New("made to fail")

// oracleLedgerFaults makes calls of a ledger fail.
type oracleLedgerFaults struct {
	mu    sync.Mutex
	calls int         // guarded by mu
	fault oracleFault // guarded by mu
	hit   bool        // guarded by mu
	dead  bool        // guarded by mu
	die   func()      // guarded by mu
}

func (f *oracleLedgerFaults) arm(fault oracleFault, die func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls, f.fault, f.hit, f.dead, f.die = 0, fault, false, false, die
}

func (f *oracleLedgerFaults) kill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
}

func (f *oracleLedgerFaults) wasHit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hit
}

// strike is the ledger's Fault. Reads and writes of several goroutines may
// overlap; the count is that of the calls begun.
func (f *oracleLedgerFaults) strike(_ string, phase ledger.Phase) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if phase == ledger.Before {
		f.calls++
		if f.dead {
			f.hit = true
			return errOracle
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
	return f.fault.err
}

// inputs opens the folders as a run's inputs.
func (w *oracleWorld) inputs(budget *archive.Budget) []archive.Input {
	w.t.Helper()
	var all []archive.Input
	for _, d := range w.folders {
		s, err := filesource.New(filesource.Config{Path: d.dir, Budget: budget, SpoolSize: w.spool, TempDir: w.t.TempDir()})
		oracleMust(w.t, err)
		all = append(all, archive.Input{Source: s, Reader: w.reader()})
	}
	return all
}

func (w *oracleWorld) reader() *jobfile.Reader {
	r, err := jobfile.NewReader(jobfile.Config{})
	oracleMust(w.t, err)
	return r
}

// suffer calls do with a store and a ledger that fail as f says, and tells
// whether they did.
func (w *oracleWorld) suffer(f oracleFault, do func(context.Context, archive.Config) error) (hit bool, err error) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	faulty := storetest.NewFaulty(w.store)
	w.faults.arm(f, func() { faulty.Arm(storetest.Fault{Call: 1, Sticky: true, Err: errOracle}) })
	switch {
	case f.cancel > 0:
		faulty.Arm(storetest.Fault{Call: f.cancel, When: f.cancelWhen, Do: cancel})
	case f.store > 0 && f.dies:
		faulty.Arm(storetest.Fault{Call: f.store, When: f.when, Err: f.err, Sticky: true, Do: w.faults.kill})
	case f.store > 0:
		faulty.Arm(storetest.Fault{Call: f.store, When: f.when, Err: f.err})
	}
	c := w.config
	c.Store, c.Ledger = faulty, w.ledger
	err = do(ctx, c)
	hit = w.faults.wasHit()
	var failed []storetest.Call
	for _, call := range faulty.Calls() {
		// What is not read to its end, or is not there, has no middle and no end
		// to fail at.
		sure := call.Method != "List" && (call.Method != "Get" || f.when != storetest.During)
		if call.Failed && f.cancel == 0 && (sure || err != nil) {
			hit, failed = true, append(failed, call)
		}
	}
	w.faults.arm(oracleFault{}, nil)
	if hit && err == nil {
		w.fail("%v (%+v): and no error was returned", f, failed)
	}
	if !hit && f.cancel == 0 && err != nil {
		w.fail("nothing failed, and yet: %v", err)
	}
	if f.dies && w.rng.IntN(2) == 0 {
		w.open()
	}
	return hit, err
}

// archive runs once and holds the result against the oracle.
func (w *oracleWorld) archive(f oracleFault) (archive.Summary, error) {
	w.t.Helper()
	var s archive.Summary
	var notices []archive.Notice
	hit, err := w.suffer(f, func(ctx context.Context, c archive.Config) error {
		var err error
		c.Inputs = w.inputs(archive.NewBudget([]int64{6000, archive.DefaultBudget}[w.rng.IntN(2)]))
		c.Notice = func(n archive.Notice) { notices = append(notices, n) }
		s, err = archive.Run(ctx, c)
		return err
	})
	w.note("archive, %v: read %d, archived %d, events %d, already %d, revisions %d, capped %d, quarantined %d, error %v",
		f, s.Read, s.Archived, s.Events, s.AlreadyArchived, s.Revisions, s.Capped, s.Quarantined, err)
	if err != nil && !hit && !errors.Is(err, context.Canceled) {
		w.fail("archive: %v", err)
	}
	w.summary(s, notices, err == nil)
	w.removed = w.removed || w.copied && err != nil
	st := w.check(err == nil)
	// What is in the store and confirmed is recorded, however a run ends, as
	// long as the ledger works.
	allowed := w.orphans
	if f.ledger > 0 || f.dies {
		allowed = len(st.unrecorded())
	} else if f.store > 0 && f.when == storetest.After {
		allowed++
	}
	w.orphans = len(st.unrecorded())
	if w.orphans > allowed {
		w.fail("%d objects have no row, where only the answer for %d was lost: %q", w.orphans, allowed, st.unrecorded())
	}
	return s, err
}

// summary holds what a run says of itself against itself.
func (w *oracleWorld) summary(s archive.Summary, notices []archive.Notice, whole bool) {
	w.t.Helper()
	if sum := s.Archived + s.Events + s.AlreadyArchived + s.Quarantined + s.Refused + s.Unverified + s.Skipped; sum > s.Read || whole && sum != s.Read {
		w.fail("%d records were read, and %d are accounted for: %+v", s.Read, sum, s)
	}
	if s.Unverified+s.Skipped > 0 || s.Refused > 0 && len(w.oracle.dropped) == 0 || s.Unreadable > 0 && !w.removed {
		w.fail("refused, unverified, skipped or unreadable, and nothing is: %+v %+v", s, notices)
	}
	if got := int64(len(notices)); got != s.Quarantined+s.Refused+s.Unreadable {
		w.fail("%d notices of %d quarantined, %d refused and %d unreadable", got, s.Quarantined, s.Refused, s.Unreadable)
	}
}

// check holds store and ledger against the oracle. whole tells that a run has
// just ended well.
func (w *oracleWorld) check(whole bool) *oracleState {
	w.t.Helper()
	st, err := w.oracle.look(w.t.Context(), w.store, w.ledger)
	oracleMust(w.t, err)
	st.settledSafe()
	for _, d := range w.folders {
		oracleMust(w.t, st.cursors(d.dir, d.files))
	}
	if whole {
		st.whole(w.present())
		w.removed, w.copied = false, false
	}
	if len(st.faults) > 0 {
		slices.Sort(st.faults)
		w.fail("%s", strings.Join(st.faults, "\n"))
	}
	return st
}

// present lists the records that stand in files.
func (w *oracleWorld) present() []*oracleDelivery {
	var all []*oracleDelivery
	for _, d := range w.folders {
		for _, name := range slices.Sorted(maps.Keys(d.files)) {
			for _, p := range d.files[name].records {
				all = append(all, p.oracleDelivery)
			}
		}
	}
	return all
}

// removeLedger loses the ledger.
func (w *oracleWorld) removeLedger() {
	oracleMust(w.t, w.ledger.Close())
	w.ledger = nil
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(w.path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			w.t.Fatal(err)
		}
	}
	w.open()
}
