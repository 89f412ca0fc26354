package archive

import (
	"cmp"
	"context"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"logstow/archive/store"
	"logstow/archive/store/probe"
	"logstow/layout/jobfile"
)

const (
	// queued bounds the records between reading and commit, so that what is
	// held for each of them beside its bytes is bounded too.
	queued = 4096

	// inspected is how many records are looked up in the ledger at once.
	inspected = 64
)

// MostConcurrency is how many Puts are in flight at most where nothing else is
// said.
const MostConcurrency = 256

// Run reads every input to its end and archives what it finds. It stops early,
// with the cursors where they were, when the store refuses for good
// (store.ErrRefused), stays unreachable (store.ErrUnavailable), or the ledger
// fails; and when ctx ends: then nothing more is begun, all that was confirmed
// is recorded, and the error is ctx's. The Summary is right in every case.
func Run(ctx context.Context, c Config) (Summary, error) {
	began := time.Now()
	r := newRun(c)
	err := r.pipeline(ctx)
	s := r.summary(began)
	limit, _ := r.pace.counts()
	r.Log.DebugContext(ctx, "puts in flight", "limit", limit, "most", s.Concurrency)
	if c.Progress != nil {
		c.Progress(s)
	}
	return s, err
}

// run is one run under way. Records go from the reader through inspectors and
// writers to the committer, and reach the committer in source order.
type run struct {
	Config
	claims *claims
	tally  *tally
	pace   *pacer
	heavy  chan struct{} // a place for each record that needs more than its bytes

	asking  sync.Mutex
	into    store.Store // guarded by asking; nil before the first Put
	refused error       // guarded by asking; why there is none

	intake *intake    // from the reader to the inspectors, and in source order to the committer
	writes chan *item // from the inspectors to the writers
	bell   bell       // from whoever finishes an item to the committer
}

func newRun(c Config) *run {
	fixed := c.Concurrency > 0
	if !fixed {
		c.Concurrency = cmp.Or(c.ConcurrencyMax, MostConcurrency)
	}
	if c.Overflow == "" {
		c.Overflow = Keep
	}
	if c.MaxFileSize == 0 || c.MaxFileSize > jobfile.MaxSize {
		c.MaxFileSize = jobfile.MaxSize
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &run{
		Config: c,
		claims: newClaims(),
		tally:  &tally{},
		pace:   newPacer(c.Concurrency, fixed),
		heavy:  make(chan struct{}, 2),
		intake: newIntake(),
		writes: make(chan *item, inspected),
		bell:   bell{rung: make(chan struct{}, 1)},
	}
}

// put puts what may be there already. What it does first is to make sure that
// no Put of the run can replace what is there.
func (r *run) put(ctx context.Context, key string, body store.Body, opts store.PutOptions) error {
	into, err := r.conditional(ctx)
	if err != nil {
		return err
	}
	opts.IfAbsent = true
	return r.pace.put(ctx, into, key, body, opts)
}

// conditional returns the store to put into. The first call asks the store, so
// that a run which finds nothing new makes no request.
func (r *run) conditional(ctx context.Context) (store.Store, error) {
	r.asking.Lock()
	defer r.asking.Unlock()
	if r.into != nil || r.refused != nil {
		return r.into, r.refused
	}
	ok, err := probe.Conditional(ctx, r.Store)
	if err != nil {
		r.refused = err
		return nil, err
	}
	r.into = r.Store
	if !ok {
		r.Log.WarnContext(ctx, "store has no conditional writes: looking before each write instead; no one else may write there meanwhile")
		r.into = store.StatFirst(r.Store)
	}
	return r.into, nil
}

// pipeline runs all stages to their end. No stage leaves before the one in
// front of it; once the run is stopped they pass on what is under way without
// working on it.
func (r *run) pipeline(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var inspectors, writers, others sync.WaitGroup
	others.Go(func() { cancelOn(cancel, r.read(ctx)) })
	for range runtime.GOMAXPROCS(0) {
		inspectors.Go(func() { r.inspectAll(ctx) })
	}
	for n := range r.Concurrency {
		writers.Go(func() { r.writeAll(ctx, n) })
	}
	stop := r.report(&others)

	err := r.commitAll(ctx, cancel)
	inspectors.Wait()
	close(r.writes)
	r.pace.close()
	writers.Wait()
	stop()
	others.Wait()
	if err != nil {
		return err
	}
	return context.Cause(ctx)
}

func cancelOn(cancel context.CancelCauseFunc, err error) {
	if err != nil {
		cancel(err)
	}
}

// report calls Progress until stop is called.
func (r *run) report(wg *sync.WaitGroup) (stop func()) {
	if r.Progress == nil {
		return func() {}
	}
	done, began := make(chan struct{}), time.Now()
	wg.Go(func() {
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				r.Progress(r.summary(began))
			}
		}
	})
	return func() { close(done) }
}

// summary is what was done so far.
func (r *run) summary(began time.Time) Summary {
	s := r.tally.summary(began)
	_, s.Concurrency = r.pace.counts()
	return s
}

// writeAll is the third stage: it writes what is to be written. The pacer says
// whether the nth writer may work.
func (r *run) writeAll(ctx context.Context, n int) {
	for {
		r.pace.seat(n)
		it, ok := r.toWrite()
		switch {
		case !ok:
			return
		case it.outcome == quarantined:
			it.finish(r.quarantine(ctx, it))
		default:
			o, err := r.write(ctx, it)
			r.leave(ctx, it, o, err, true)
		}
	}
}

// toWrite returns the next item for a writer. ok is false after the last.
func (r *run) toWrite() (it *item, ok bool) {
	select {
	case it, ok = <-r.writes:
		return it, ok
	default:
	}
	r.pace.starve()
	it, ok = <-r.writes
	return it, ok
}
