package scheduler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"logstow/archive/ledger"
)

// recordTimeout is how long a call to the ledger may take once the run it is
// about is over.
const recordTimeout = 30 * time.Second

// errStopped is why nothing was begun that was about to be.
var errStopped = errors.New("stopped before it began")

// grant is a lease that was given to us.
type grant struct {
	ledger.Lease
	began time.Time                   // when it was asked for; with the monotonic clock
	run   *atomic.Pointer[ledger.Run] // the last that was begun under it, which what is logged of it says
}

// acquire takes the lease of a task; *HeldError, with what is on record of it,
// where somebody has it. One that has lapsed is left alone for long enough that
// its holder would have renewed it if it lives: a clock that was set forward
// looks the same as a death.
func (s *Scheduler) acquire(ctx context.Context, stop <-chan struct{}, name string) (grant, error) {
	seen, err := s.lease(ctx, name)
	if err != nil {
		return grant{}, err
	}
	if !seen.Until.IsZero() && !seen.HeldAt(s.now()) {
		if !sleep(ctx, stop, s.Lease/2) {
			return grant{}, errors.Join(ctx.Err(), errStopped)
		}
		before := seen
		if seen, err = s.lease(ctx, name); err != nil {
			return grant{}, err
		}
		if !seen.Until.IsZero() && (seen.Fence != before.Fence || !seen.Until.Equal(before.Until)) {
			return grant{Lease: seen}, held(seen)
		}
	}
	now := s.now()
	if seen.HeldAt(now) {
		return grant{Lease: seen}, held(seen)
	}
	began := time.Now()
	got, err := s.Ledger.AcquireLease(ctx, ledger.Lease{Task: name, Holder: s.Holder, Since: now, Until: now.Add(s.Lease)})
	if errors.Is(err, ledger.ErrHeld) {
		err = held(got)
	}
	return grant{got, began, new(atomic.Pointer[ledger.Run])}, err
}

func held(l ledger.Lease) error {
	return &HeldError{Task: l.Task, Holder: l.Holder, Since: l.Since}
}

// lease is what is on record of a task, which may be nothing.
func (s *Scheduler) lease(ctx context.Context, name string) (ledger.Lease, error) {
	l, err := s.Ledger.Lease(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return ledger.Lease{}, nil
	}
	return l, err
}

// hold calls f with a context that ends, by ErrLost, once the lease can no
// longer be relied on. It renews the lease until f has returned, and then gives
// it back; but not where f returns ErrStuck: something runs under it still.
func (s *Scheduler) hold(ctx context.Context, g grant, f func(ctx context.Context) error) error {
	// What is over must be told, also when ctx has ended.
	whole := context.WithoutCancel(ctx)
	held, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	renewing, done := context.WithCancel(whole)
	var wg sync.WaitGroup
	wg.Go(func() { s.renew(renewing, g, lose) })
	err := f(held)
	done()
	wg.Wait()
	if errors.Is(err, ErrStuck) {
		return err
	}
	whole, cancel := context.WithTimeout(whole, recordTimeout)
	defer cancel()
	if releaseErr := s.Ledger.ReleaseLease(whole, g.Lease); releaseErr != nil {
		// It lapses by itself.
		s.Log.WarnContext(s.ofRun(ctx, g), "lease not given back", "task", g.Task, "err", releaseErr)
	}
	return err
}

// ofRun is the context to log with what becomes of a lease.
func (s *Scheduler) ofRun(ctx context.Context, g grant) context.Context {
	if r := g.run.Load(); r != nil && s.WithRun != nil {
		return s.WithRun(ctx, *r)
	}
	return ctx
}

// renew renews the lease until ctx ends. It calls lose where somebody else has
// it, or where it could not be renewed for as long as it lasts.
func (s *Scheduler) renew(ctx context.Context, g grant, lose func(error)) {
	sure := g.began
	pause := s.Lease/3 - time.Since(sure)
	for sleep(ctx, nil, pause) {
		began := time.Now()
		err := s.renewOnce(ctx, g.Lease, s.Lease-time.Since(sure))
		switch {
		case err == nil:
			sure, pause = began, s.Lease/3
		case ctx.Err() != nil:
			return
		case void(err), time.Since(sure) >= s.Lease:
			s.Log.ErrorContext(s.ofRun(ctx, g), "lease lost", "task", g.Task, "err", err)
			lose(fmt.Errorf("task %s: %w: %w", g.Task, ErrLost, err))
			return
		default:
			s.Log.WarnContext(s.ofRun(ctx, g), "lease not renewed", "task", g.Task, "err", err)
			pause = min(s.Lease/10, max(0, s.Lease-time.Since(sure)))
		}
	}
}

// void tells whether an error of the ledger says that a lease no longer counts.
func void(err error) bool {
	return errors.Is(err, ledger.ErrFenced) || errors.Is(err, ledger.ErrReplaced)
}

// renewOnce asks once more even where no time is left: whoever slept past its
// lease may still have it.
func (s *Scheduler) renewOnce(ctx context.Context, have ledger.Lease, left time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, max(left, s.Lease/3))
	defer cancel()
	have.Until = s.now().Add(s.Lease)
	return s.Ledger.RenewLease(ctx, have)
}
