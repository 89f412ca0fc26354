package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
	"logstow/export"
	"logstow/scheduler"
)

// taskFunc does what a task is for. Its report is nil where it didn't get that
// far.
type taskFunc func(ctx context.Context, r ledger.Run) (report, error)

// newScheduler returns a scheduler of the configured tasks. Nothing runs yet.
// What a schedule can't be run with is a usageError that says where it stands.
func (a *app) newScheduler(w workplace) (*scheduler.Scheduler, error) {
	c := scheduler.Config{
		Ledger: w.ledger,
		Lease:  a.lease,
		Drain:  a.drain,
		Log:    a.log,
		Ended:  w.ended,
		WithRun: func(ctx context.Context, r ledger.Run) context.Context {
			return withRun(ctx, r.ID)
		},
	}
	if w.watched {
		c.Log = watchedLog(a.log)
	}
	for _, s := range w.config.Schedules {
		do, err := a.taskOf(w, s)
		if err != nil {
			return nil, usageError{fmt.Errorf("%s: schedule %s: %w", s.Where, s.Name, err)}
		}
		c.Tasks = append(c.Tasks, scheduled(s, func(ctx context.Context, r ledger.Run) (string, error) {
			return reported(w, s.Name, func() (report, error) { return do(ctx, r) })
		}))
	}
	s, err := scheduler.New(c)
	if err != nil {
		return nil, usageError{err}
	}
	return s, nil
}

// taskOf is what a schedule runs.
func (a *app) taskOf(w workplace, s config.Schedule) (taskFunc, error) {
	switch s.Task {
	case "archive":
		return a.archiveTask(w, s)
	case "export":
		return a.exportTask(w, s)
	case "sweep":
		return a.sweepTask(w)
	case "check":
		return a.checkTask(w, s), nil
	case "compact":
		return a.compactTask(w), nil
	case "retain":
		return a.retainTask(w), nil
	default:
		return nil, fmt.Errorf("there is no task %q", s.Task)
	}
}

// scheduled is a task as its schedule says.
func scheduled(s config.Schedule, do func(context.Context, ledger.Run) (string, error)) scheduler.Task {
	t := scheduler.Task{
		Name: s.Name, Command: s.Task, Spec: s.Cron, Zone: s.Zone, Manual: s.Cron == "", Do: do,
		Jitter: s.Jitter, Timeout: s.Timeout, Retries: s.Retries, Backoff: s.Backoff,
		Missed: scheduler.Missed(s.Missed), MissedLimit: s.MissedLimit,
	}
	if t.Manual {
		t.Zone = "" // then it is only of what the task does
	}
	return t
}

// reported runs do and returns the JSON of what it reports. A run that came to
// its end with something left out is finished for the scheduler too, as is one
// that found damage: neither is tried again.
func reported(w workplace, name string, do func() (report, error)) (string, error) {
	did, err := do()
	switch {
	case err != nil && onlyPartial(err):
		err = finishedPartly{}
	case errors.Is(err, export.ErrDamaged):
		err = foundDamage{err}
	}
	if did == nil {
		return "", err
	}
	if w.done != nil {
		w.done(name, did)
	}
	text, jsonErr := json.Marshal(did)
	if jsonErr != nil {
		return "", errors.Join(err, fmt.Errorf("summary of task %s: %w", name, jsonErr))
	}
	return string(text), err
}

// foundDamage is an error about damage as the scheduler knows it.
type foundDamage struct{ error }

func (e foundDamage) Unwrap() error { return e.error }

// Is tells that the task is not to be tried again.
func (e foundDamage) Is(target error) bool { return target == scheduler.ErrFinal }

// finishedPartly is errPartial as the scheduler knows it.
type finishedPartly struct{}

func (finishedPartly) Error() string { return errPartial.Error() }

// Is tells that the task is not to be tried again.
func (finishedPartly) Is(target error) bool {
	return target == errPartial || target == scheduler.ErrPartial
}
