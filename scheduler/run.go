package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"logstow/archive/ledger"
)

// RunNow runs a task once, now, whatever its schedule, and without its retries:
// whoever calls owns the clock. It returns the run as it was recorded and the
// error of the task, with why it was ended: ErrTimeout, ErrPanic, ErrLost or
// ErrStuck. Where somebody is running the task it is a *HeldError at once; where
// somebody seems to have died running it, after half a lease in which that could
// have been denied. ErrNoTask: there is none of that name. When ctx ends the run
// is interrupted.
func (s *Scheduler) RunNow(ctx context.Context, name string) (ledger.Run, error) {
	t, ok := s.tasks[name]
	if !ok {
		return ledger.Run{}, fmt.Errorf("%w: %s", ErrNoTask, name)
	}
	granted, err := s.acquire(ctx, nil, name)
	if err != nil {
		return ledger.Run{}, err
	}
	r := ledger.Run{Command: t.Command, Task: name, Attempt: 1, Fence: granted.Fence}
	err = s.hold(ctx, granted, func(ctx context.Context) error {
		var failure, err error
		r, failure, err = s.run(ctx, t, granted, r)
		if err != nil && errors.Is(failure, err) {
			return failure
		}
		return errors.Join(failure, err)
	})
	return r, err
}

// run runs t once as r says and records it. It returns what was recorded, why
// the task failed, and why that could not be recorded, why the run was
// interrupted, or that it is stuck.
func (s *Scheduler) run(ctx context.Context, t *task, g grant, r ledger.Run) (_ ledger.Run, failure, err error) {
	r.Started = s.now()
	err = s.persist(ctx, r, func(ctx context.Context) (err error) {
		started, err := s.Ledger.StartTaskRun(ctx, r)
		if err == nil {
			started.Settles, r = r.Settles, started
		}
		return err
	})
	if err != nil {
		return r, nil, fmt.Errorf("start a run of task %s: %w", t.Name, err)
	}
	begun := r
	g.run.Store(&begun)
	ctx = s.ofRun(ctx, g)
	s.started(ctx, r)
	if r.Attempt > int64(t.Retries)+1+maxDeaths {
		failure = tooOften(r.Attempt)
	} else {
		r.Summary, failure = s.do(ledger.WithFence(ctx, g.Lease), t, r)
	}
	r = s.conclude(ctx, r, failure)
	err = s.persist(ctx, r, func(ctx context.Context) error { return s.Ledger.EndRun(ctx, r) })
	if err != nil {
		err = fmt.Errorf("record run %d of task %s: %w", r.ID, t.Name, err)
	}
	return s.ended(ctx, r, failure, err)
}

// started logs that a run has started.
func (s *Scheduler) started(ctx context.Context, r ledger.Run) {
	attributes := []any{"task", r.Task}
	if !r.Planned.IsZero() {
		attributes = append(attributes, "planned", r.Planned)
	}
	s.Log.InfoContext(ctx, "run started", append(attributes, "attempt", r.Attempt)...)
}

// conclude says of a run how it has ended.
func (s *Scheduler) conclude(ctx context.Context, r ledger.Run, failure error) ledger.Run {
	r.Ended, r.Outcome = s.now(), outcome(ctx, failure)
	r.Settles = r.Outcome == "ok" || r.Outcome == "partial" || r.Outcome == "failed" && (r.Settles || errors.Is(failure, ErrFinal))
	if failure != nil {
		r.Error = failure.Error()
	}
	if !json.Valid([]byte(r.Summary)) {
		r.Summary = "{}"
	}
	return r
}

// ended tells who wants to know it that a run has ended, which was recorded
// unless err says otherwise. It returns what run does.
func (s *Scheduler) ended(ctx context.Context, r ledger.Run, failure, err error) (ledger.Run, error, error) {
	lost := errors.Is(err, ErrLost)
	if lost {
		failure = errors.Join(failure, err)
		r.Outcome, r.Settles, r.Error = "interrupted", false, failure.Error()
	}
	level, attributes := slog.LevelInfo, []any{"task", r.Task, "outcome", r.Outcome}
	if failure != nil {
		level, attributes = slog.LevelWarn, append(attributes, "err", failure)
	}
	s.Log.Log(ctx, level, "run ended", attributes...)
	if s.Ended != nil && (err == nil || lost) {
		s.Ended(r, failure)
	}
	switch {
	case errors.Is(failure, ErrStuck) && (err == nil || lost):
		err = failure
	case errors.Is(failure, ErrStuck):
		err = errors.Join(failure, err)
	case err == nil && r.Outcome == "interrupted":
		err = fmt.Errorf("task %s was interrupted: %w", r.Task, context.Cause(ctx))
	}
	return r, failure, err
}

// outcome is how the ledger calls the way in which a run ended.
func outcome(ctx context.Context, failure error) string {
	switch {
	case failure == nil:
		return "ok"
	case errors.Is(failure, ErrPartial):
		return "partial"
	case ctx.Err() != nil && !errors.Is(failure, ErrStuck):
		return "interrupted"
	}
	return "failed"
}

// persist makes a call to the ledger, again and again for as long as the lease
// is held: what can't be recorded is run again. It is ErrLost where the lease
// was lost.
func (s *Scheduler) persist(ctx context.Context, r ledger.Run, call func(ctx context.Context) error) error {
	for pause := s.Lease / 100; ; pause = min(2*pause, s.Lease/3) {
		whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
		err := call(whole)
		cancel()
		switch {
		case err == nil:
			return nil
		case void(err), errors.Is(context.Cause(ctx), ErrLost):
			return fmt.Errorf("%w: %w", ErrLost, err)
		case !sleep(ctx, nil, pause):
			return err
		}
		s.Log.WarnContext(ctx, "run not recorded", "task", r.Task, "err", err)
	}
}
