// Package scheduler runs named tasks on cron schedules, never one twice at once.
//
// Who may run a task is a lease in the ledger, renewed while it runs and taken
// over when whoever held it has died. What was planned is done with when the
// ledger says so, in the transaction that records how its run ended: so it is
// what is on record that decides what is due, in whichever process, and however
// the clock was set in between. A process that dies in a run leaves its planned
// time to the next one.
package scheduler

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"logstow/archive/ledger"
)

// leases is the part of a ledger that says who runs what. ErrHeld, ErrFenced
// and fs.ErrNotExist are as a *ledger.Ledger has them.
type leases interface {
	Lease(ctx context.Context, task string) (ledger.Lease, error)
	AcquireLease(ctx context.Context, want ledger.Lease) (ledger.Lease, error)
	RenewLease(ctx context.Context, have ledger.Lease) error
	ReleaseLease(ctx context.Context, have ledger.Lease) error
}

// runs is the part of a ledger that says what was run.
type runs interface {
	LastPlanned(ctx context.Context, task string, first time.Time) (time.Time, error)
	StartTaskRun(ctx context.Context, r ledger.Run) (ledger.Run, error)
	EndRun(ctx context.Context, r ledger.Run) error
}

// Ledger is what a Scheduler needs of a *ledger.Ledger. A call that has
// returned is on disk; one that failed may have taken effect, and the same call
// can be made again.
type Ledger interface {
	leases
	runs
}

// Config says what a Scheduler works with. Ledger and Tasks are required.
type Config struct {
	Ledger Ledger
	Tasks  []Task

	Holder   string        // who runs the tasks, for people to read; empty: the host's name and the process's id
	Parallel int           // tasks that Run runs at once; 0: 4
	Lease    time.Duration // how long a lease lasts unless renewed, at most ledger.MaxLease; 0: 1 minute
	Late     time.Duration // how late a run may begin before it counts as missed; 0: 1 minute
	Drain    time.Duration // how long Run lets running tasks finish when it is to stop; 0: 30 s
	Patience time.Duration // how long a task may take to return when its context has ended; 0: 20 s
	Check    time.Duration // how often Run looks at the clock, which may have been set; 0: 1 minute

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: nothing is logged

	// WithRun, where not nil, returns the context that a run is done and logged
	// with, so that what is logged can say of which run it is.
	WithRun func(ctx context.Context, r ledger.Run) context.Context

	// Ended, where not nil, is called with each run that has ended, and why it
	// failed, when that has been recorded; or when it can't be, since the lease was
	// lost: then the failure is ErrLost. It may be called concurrently.
	Ended func(r ledger.Run, failure error)
}

// Scheduler runs tasks. It is safe for concurrent use.
type Scheduler struct {
	Config
	tasks map[string]*task
	slots chan struct{} // one element for each task that Run is running
}

// HeldError says that a task is being run by somebody else.
type HeldError struct {
	Task   string
	Holder string
	Since  time.Time
}

// Error names the task, who runs it and since when.
func (e *HeldError) Error() string {
	return fmt.Sprintf("task %s is run by %s since %s", e.Task, e.Holder, e.Since.UTC().Format(time.RFC3339))
}

// Unwrap lets callers ask for ledger.ErrHeld.
func (e *HeldError) Unwrap() error { return ledger.ErrHeld }

// ErrNoTask says that there is no task of that name.
var ErrNoTask = errors.New("no such task")

// New returns a Scheduler. It refuses, all at once, tasks that could not run.
// Nothing runs yet.
func New(c Config) (*Scheduler, error) {
	if c.Ledger == nil {
		return nil, errors.New("scheduler: it needs a ledger")
	}
	if c.Parallel < 0 || min(c.Lease, c.Late, c.Drain, c.Patience, c.Check) < 0 || c.Lease > ledger.MaxLease {
		return nil, fmt.Errorf("scheduler: a number is negative or too great: %d in parallel, lease %s (at most %s), late %s, drain %s, patience %s, check %s",
			c.Parallel, c.Lease, ledger.MaxLease, c.Late, c.Drain, c.Patience, c.Check)
	}
	orDefault(&c.Parallel, 4)
	orDefault(&c.Lease, time.Minute)
	orDefault(&c.Late, time.Minute)
	orDefault(&c.Drain, 30*time.Second)
	orDefault(&c.Patience, 20*time.Second)
	orDefault(&c.Check, time.Minute)
	if c.Holder == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("scheduler: %w", err)
		}
		c.Holder = fmt.Sprintf("%s:%d", host, os.Getpid())
	}
	// Process ids come again, and two of one process must differ.
	c.Holder += ":" + strings.ToLower(rand.Text()[:8])
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Scheduler{Config: c, tasks: map[string]*task{}, slots: make(chan struct{}, c.Parallel)}
	return s, s.addAll()
}

func (s *Scheduler) addAll() error {
	var errs []error
	for _, given := range s.Tasks {
		t, err := newTask(given)
		if err == nil && s.tasks[t.Name] != nil {
			err = errors.New("another task has this name")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("task %q: %w", given.Name, err))
			continue
		}
		s.tasks[t.Name] = t
	}
	return errors.Join(errs...)
}

func orDefault[T int | int64 | time.Duration](value *T, otherwise T) {
	if *value == 0 {
		*value = otherwise
	}
}

// Names returns the names of the tasks, in order.
func (s *Scheduler) Names() []string {
	names := make([]string, 0, len(s.tasks))
	for name := range s.tasks {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Next returns the next n instants for which a task is planned after after,
// without its jitter. A task that only runs when asked for has none.
func (s *Scheduler) Next(name string, after time.Time, n int) ([]time.Time, error) {
	t, ok := s.tasks[name]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNoTask, name)
	}
	if t.schedule == nil {
		return nil, nil
	}
	return t.schedule.NextN(after, n), nil
}

// errStopping is why runs are cut when Run is to stop.
var errStopping = errors.New("stopping")

// Run runs every task when it is due, until ctx ends. Then it begins nothing
// more, lets running tasks finish for as long as Drain says, ends their contexts
// after that, and returns when they have returned, or when Patience has passed.
// A ledger that fails is logged and asked again.
//
// It returns an error only where a run was cut, or is stuck: it doesn't return
// although its context has ended. Nothing can end it but the end of the process,
// so that Run stops by itself then, as if ctx had ended, and returns ErrStuck;
// what is stuck still runs.
func (s *Scheduler) Run(ctx context.Context) error {
	whole, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error // guarded by mu
	for _, name := range s.Names() {
		t := s.tasks[name]
		if t.schedule == nil {
			continue
		}
		wg.Go(func() {
			f := &follower{Scheduler: s, task: t, stop: ctx.Done()}
			if err := f.follow(whole); err != nil {
				stop()
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	<-ctx.Done()
	drained := time.AfterFunc(s.Drain, func() { cut(errStopping) })
	defer drained.Stop()
	wg.Wait()
	return errors.Join(errs...)
}

// now is the wall clock alone: what is planned is planned by it.
func (s *Scheduler) now() time.Time { return s.Now().Round(0).UTC().Truncate(time.Millisecond) }

// sleep tells whether d has passed, rather than ctx ended or stop closed.
func sleep(ctx context.Context, stop <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		select {
		case <-stop:
			return false
		default:
			return ctx.Err() == nil
		}
	case <-ctx.Done():
	case <-stop:
	}
	return false
}
