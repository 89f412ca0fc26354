package compact

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout/segment"
)

// Run compacts what it is time for, merges segments where that is worth it, and
// removes what earlier runs replaced and whose grace is over: in this order, so
// that a run that is interrupted has done the most important first. Holds must
// have been loaded (see retain.LoadHolds). Two runs beside each other are safe: what
// one has moved the other leaves alone.
//
// After an error everything is as it was or as it was to be, document by document.
// Where ctx is of a lease that is lost it is ledger.ErrFenced.
func Run(ctx context.Context, c Config) (Summary, error) {
	r := newRun(c)
	err := r.run(ctx)
	return r.end(), err
}

// run is one Run.
type run struct {
	Config
	began time.Time // by the clock
	at    time.Time // by Config.Now: what is ready is so at this time

	total  int64 // of budget
	budget *semaphore.Weighted
	gets   *semaphore.Weighted

	mu    sync.Mutex // guards what follows, and is held by whatever calls back
	did   Summary
	shown time.Time
}

func newRun(c Config) *run {
	r := &run{Config: c, began: time.Now(), at: c.now(), total: cmp.Or(c.Budget, defaultBudget)}
	r.budget = semaphore.NewWeighted(r.total)
	r.gets = semaphore.NewWeighted(int64(r.concurrency()))
	if r.After == nil {
		r.After = func(*ledger.Document) (time.Duration, bool) { return DefaultAfter, true }
	}
	return r
}

func (c *Config) concurrency() int { return cmp.Or(c.Concurrency, defaultConcurrency) }

func (c *Config) segmentBytes() int64 { return cmp.Or(c.SegmentBytes, DefaultSegmentBytes) }

func (r *run) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{r.partitions, r.merges, r.inputs, r.segments} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// progressEvery is how often Progress is called at most.
const progressEvery = 250 * time.Millisecond

// count adds to the summary, and shows it now and then.
func (r *run) count(add func(*Summary)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	add(&r.did)
	if now := time.Now(); r.Progress != nil && now.Sub(r.shown) >= progressEvery {
		r.shown = now
		r.did.DurationSeconds = now.Sub(r.began).Seconds()
		r.Progress(r.did)
	}
}

// end returns the summary, shown once more.
func (r *run) end() Summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.did.DurationSeconds = time.Since(r.began).Seconds()
	if r.Progress != nil {
		r.Progress(r.did)
	}
	return r.did
}

// planned tells what is to become of a partition.
func (r *run) planned(p Partition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.did.Partitions++
	if r.Planned != nil {
		r.Planned(p)
	}
}

// notice tells what was left as it is.
func (r *run) notice(key, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Notice != nil {
		r.Notice(Notice{Key: key, Reason: reason})
	}
}

// left tells of a document that was left although it was its turn.
func (r *run) left(d *ledger.Document, reason string) {
	r.count(func(s *Summary) { s.Left++ })
	r.notice(d.Key, reason)
}

// retained tells of what the store did not let go, and which of these keys that is.
// Any other error it returns.
func (r *run) retained(err error) (map[string]bool, error) {
	var kept *store.RetainedError
	if !errors.As(err, &kept) {
		return nil, err
	}
	keys := map[string]bool{}
	for _, key := range kept.Keys {
		keys[key] = true
		reason := "the store does not let it go"
		if !kept.Until.IsZero() {
			reason += "; the first of what it keeps may go on " + kept.Until.UTC().Format(time.RFC3339)
		}
		r.count(func(s *Summary) { s.Retained++ })
		r.notice(key, reason+": "+kept.Err.Error())
	}
	return keys, nil
}

// segmentError is about a segment, or a partition of them, that stays as it is.
type segmentError struct {
	key string
	err error
}

func (e *segmentError) Error() string { return e.key + ": " + e.err.Error() }

func (e *segmentError) Unwrap() error { return e.err }

// passed gives notice of an error that is of one partition alone, and returns any
// other.
func (r *run) passed(key string, err error) error {
	var of *segmentError
	if errors.As(err, &of) {
		key = of.key
	}
	switch {
	case errors.Is(err, ledger.ErrMoved): // the next run looks again
	case errors.Is(err, segment.ErrDamaged), errors.Is(err, segment.ErrConflict):
		r.count(func(s *Summary) { s.Left++ })
	default:
		return err
	}
	r.notice(key, err.Error())
	return nil
}
