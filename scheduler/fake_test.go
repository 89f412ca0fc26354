package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"logstow/archive/ledger"
)

// memory is the part of a ledger that a scheduler needs, in memory, by the same
// rules.
type memory struct {
	mu     sync.Mutex // guards what follows
	leases map[string]ledger.Lease
	runs   []ledger.Run
	open   map[begun]int64 // runs that haven't ended, by what makes them the same
}

type begun struct {
	task           string
	fence, attempt int64
	planned        time.Time
}

func newMemory() *memory {
	return &memory{leases: map[string]ledger.Lease{}, open: map[begun]int64{}}
}

func (m *memory) Lease(_ context.Context, task string) (ledger.Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l, ok := m.leases[task]
	if !ok {
		return l, fmt.Errorf("lease of %s: %w", task, fs.ErrNotExist)
	}
	return l, nil
}

func (m *memory) AcquireLease(_ context.Context, want ledger.Lease) (ledger.Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.leases[want.Task]
	if l.HeldAt(want.Since) {
		return l, ledger.ErrHeld
	}
	l.Task, l.Holder, l.Since, l.Until = want.Task, want.Holder, want.Since, want.Until
	l.Fence++
	m.leases[want.Task] = l
	return l, nil
}

// change changes a lease that have still is.
func (m *memory) change(have ledger.Lease, change func(l *ledger.Lease)) error {
	l, ok := m.leases[have.Task]
	if !ok || l.Fence != have.Fence || l.Until.IsZero() {
		return ledger.ErrFenced
	}
	change(&l)
	m.leases[have.Task] = l
	return nil
}

func (m *memory) RenewLease(_ context.Context, have ledger.Lease) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.change(have, func(l *ledger.Lease) { l.Until = have.Until })
}

func (m *memory) ReleaseLease(_ context.Context, have ledger.Lease) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l := m.leases[have.Task]; l.Fence == have.Fence && l.Fence > 0 && l.Until.IsZero() {
		return nil
	}
	return m.change(have, func(l *ledger.Lease) { l.Until = time.Time{} })
}

func (m *memory) LastPlanned(_ context.Context, task string, first time.Time) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l, ok := m.leases[task]
	if !ok {
		l = ledger.Lease{Task: task, Since: first}
	}
	if l.Planned.IsZero() {
		l.Planned = first
	}
	m.leases[task] = l
	return l.Planned, nil
}

func (m *memory) StartTaskRun(_ context.Context, r ledger.Run) (ledger.Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.change(ledger.Lease{Task: r.Task, Fence: r.Fence}, func(l *ledger.Lease) {
		if !r.Planned.IsZero() {
			l.Trying, l.Attempt = r.Planned, r.Attempt
		}
	}); err != nil {
		return ledger.Run{}, err
	}
	same := begun{r.Task, r.Fence, r.Attempt, r.Planned.UTC()}
	if id, ok := m.open[same]; ok {
		r.ID, r.Started = id, m.runs[id-1].Started
		return r, nil
	}
	r.ID = int64(len(m.runs) + 1)
	m.runs = append(m.runs, r)
	m.open[same] = r.ID
	return r, nil
}

func (m *memory) EndRun(_ context.Context, r ledger.Run) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.change(ledger.Lease{Task: r.Task, Fence: r.Fence}, func(l *ledger.Lease) {
		switch {
		case r.Planned.IsZero():
		case r.Settles:
			l.Planned, l.Trying, l.Attempt = r.Planned, time.Time{}, 0
		case r.Outcome == "interrupted":
			l.Attempt = max(r.Attempt-1, 0)
		}
	}); err != nil {
		return err
	}
	if r.ID < 1 || r.ID > int64(len(m.runs)) {
		return fs.ErrNotExist
	}
	m.runs[r.ID-1] = r
	if same := (begun{r.Task, r.Fence, r.Attempt, r.Planned.UTC()}); m.open[same] == r.ID {
		delete(m.open, same) // and not where one was begun since that is the same
	}
	return nil
}

// all returns a copy of the runs.
func (m *memory) all() []ledger.Run {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.runs)
}

// set changes the leases by force.
func (m *memory) set(change func(l *ledger.Lease)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, l := range maps.Clone(m.leases) {
		change(&l)
		m.leases[name] = l
	}
}

var errDead = errors.New("this process is dead")

// process is a process that uses a memory and dies at one of its calls, before
// or after it took effect.
type process struct {
	*memory
	dies  int // at which call; 0: never
	after bool
	onDie func()

	counting sync.Mutex // guards calls
	calls    int
}

func (p *process) at(call func() error) error {
	p.counting.Lock()
	p.calls++
	n := p.calls
	dies := p.dies
	p.counting.Unlock()
	if dies == 0 || n < dies {
		return call()
	}
	if n == dies {
		if p.after {
			_ = call()
		}
		p.onDie()
	}
	return errDead
}

func (p *process) dead() bool {
	p.counting.Lock()
	defer p.counting.Unlock()
	return p.dies != 0 && p.calls >= p.dies
}

func (p *process) Lease(ctx context.Context, task string) (l ledger.Lease, err error) {
	err = p.at(func() (err error) { l, err = p.memory.Lease(ctx, task); return err })
	return l, err
}

func (p *process) AcquireLease(ctx context.Context, want ledger.Lease) (l ledger.Lease, err error) {
	err = p.at(func() (err error) { l, err = p.memory.AcquireLease(ctx, want); return err })
	return l, err
}

func (p *process) RenewLease(ctx context.Context, have ledger.Lease) error {
	return p.at(func() error { return p.memory.RenewLease(ctx, have) })
}

func (p *process) ReleaseLease(ctx context.Context, have ledger.Lease) error {
	return p.at(func() error { return p.memory.ReleaseLease(ctx, have) })
}

func (p *process) LastPlanned(ctx context.Context, task string, first time.Time) (at time.Time, err error) {
	err = p.at(func() (err error) { at, err = p.memory.LastPlanned(ctx, task, first); return err })
	return at, err
}

func (p *process) StartTaskRun(ctx context.Context, r ledger.Run) (started ledger.Run, err error) {
	err = p.at(func() (err error) { started, err = p.memory.StartTaskRun(ctx, r); return err })
	return started, err
}

func (p *process) EndRun(ctx context.Context, r ledger.Run) error {
	return p.at(func() error { return p.memory.EndRun(ctx, r) })
}

// die has every call fail until revive.
func (p *process) die() {
	p.counting.Lock()
	defer p.counting.Unlock()
	p.dies = max(p.calls, 1)
}

func (p *process) revive() {
	p.counting.Lock()
	defer p.counting.Unlock()
	p.dies = 0
}
