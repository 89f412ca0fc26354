package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"logstow/archive/ledger"
)

// RunNow runs a task once, now, whatever its schedule, and without its retries:
// whoever calls owns the clock. It returns the run as it was recorded and the
// error of the task. Where somebody is running the task it is a *HeldError at
// once; where somebody seems to have died running it, after half a lease in
// which that could have been denied. ErrNoTask: there is none of that name.
// When ctx ends the run is interrupted.
func (s *Scheduler) RunNow(ctx context.Context, name string) (ledger.Run, error) {
	t, ok := s.tasks[name]
	if !ok {
		return ledger.Run{}, fmt.Errorf("%w: %s", ErrNoTask, name)
	}
	granted, err := s.acquire(ctx, nil, name)
	if err != nil {
		return ledger.Run{}, err
	}
	r := ledger.Run{Command: name, Task: name, Attempt: 1, Fence: granted.Fence}
	err = s.hold(ctx, granted, func(ctx context.Context) error {
		var failure, err error
		r, failure, err = s.run(ctx, t, granted.Lease, r)
		return errors.Join(failure, err)
	})
	return r, err
}

// run runs t once as r says and records it. It returns what was recorded, why
// the task failed, and why that could not be recorded or why the run was
// interrupted.
func (s *Scheduler) run(ctx context.Context, t *task, lease ledger.Lease, r ledger.Run) (ledger.Run, error, error) {
	r.Started = s.now()
	settles := r.Settles
	err := s.persist(ctx, r, func(ctx context.Context) (err error) {
		started, err := s.Ledger.StartTaskRun(ctx, r)
		if err == nil {
			r = started
		}
		return err
	})
	if err != nil {
		return r, nil, err
	}
	s.Log.InfoContext(ctx, "run started", "task", t.Name, "run", r.ID, "planned", r.Planned, "attempt", r.Attempt)
	var failure error
	if r.Attempt > int64(t.Retries)+1+maxDeaths {
		failure = tooOften(r.Attempt)
	} else {
		r.Summary, failure = s.do(ledger.WithFence(ctx, lease), t, r)
	}
	r.Ended, r.Outcome = s.now(), outcome(ctx, failure)
	r.Settles = r.Outcome == "ok" || r.Outcome == "partial" || r.Outcome == "failed" && settles
	if failure != nil {
		r.Error = failure.Error()
	}
	if !json.Valid([]byte(r.Summary)) {
		r.Summary = "{}"
	}
	s.Log.InfoContext(ctx, "run ended", "task", t.Name, "run", r.ID, "outcome", r.Outcome, "error", r.Error)
	if err := s.persist(ctx, r, func(ctx context.Context) error { return s.Ledger.EndRun(ctx, r) }); err != nil {
		return r, failure, fmt.Errorf("record run %d of task %s: %w", r.ID, t.Name, err)
	}
	if r.Outcome == "interrupted" {
		return r, failure, fmt.Errorf("task %s was interrupted: %w", t.Name, context.Cause(ctx))
	}
	return r, failure, nil
}

// outcome is how the ledger calls the way in which a run ended.
func outcome(ctx context.Context, failure error) string {
	switch {
	case failure == nil:
		return "ok"
	case errors.Is(failure, ErrPartial):
		return "partial"
	case ctx.Err() != nil:
		return "interrupted"
	}
	return "failed"
}

// persist makes a call to the ledger, again and again for as long as the lease
// is held: what can't be recorded is run again.
func (s *Scheduler) persist(ctx context.Context, r ledger.Run, call func(ctx context.Context) error) error {
	for pause := s.Lease / 100; ; pause = min(2*pause, s.Lease/3) {
		whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
		err := call(whole)
		cancel()
		if err == nil || errors.Is(err, ledger.ErrFenced) || !sleep(ctx, nil, pause) {
			return err
		}
		s.Log.WarnContext(ctx, "run not recorded", "task", r.Task, "run", r.ID, "error", err)
	}
}

// do calls the task, until its timeout, and waits for it. A panic is an error,
// as is the end of its goroutine.
func (s *Scheduler) do(ctx context.Context, t *task, r ledger.Run) (summary string, err error) {
	if t.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, t.Timeout, ErrTimeout)
		defer cancel()
	}
	err = errors.New("it ended its goroutine")
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				s.Log.ErrorContext(ctx, "task panicked", "task", t.Name, "run", r.ID, "error", p, "stack", string(debug.Stack()))
				err = fmt.Errorf("panic: %v", p)
			}
		}()
		summary, err = t.Do(ctx, r)
	}()
	<-done
	if err != nil && errors.Is(context.Cause(ctx), ErrTimeout) {
		err = fmt.Errorf("%w of %s: %w", ErrTimeout, t.Timeout.Round(time.Millisecond), err)
	}
	return summary, err
}
