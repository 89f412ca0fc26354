package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"logstow/archive/ledger"
)

// maxDeaths is how many more attempts than it may have a planned time is begun,
// where processes died in them. Then it has failed: what kills every process
// must not do so for ever.
const maxDeaths = 5

// firstPause is how long a ledger that failed is left alone at first.
const firstPause = time.Second

// follower runs one task when it is due.
type follower struct {
	*Scheduler
	*task
	stop <-chan struct{} // closed: nothing more is to begin
	last time.Time       // what was planned for then or earlier is done with; zero: not known yet
	slot bool            // it has one
}

// follow runs the task until stop is closed, or the task is stuck. It returns an
// error where that is so, or where a run was cut.
func (f *follower) follow(ctx context.Context) error {
	pause := firstPause
	for {
		wait, err := f.step(ctx)
		switch {
		case errors.Is(err, errStopped):
			return nil
		case errors.Is(err, errStopping), errors.Is(err, ErrStuck):
			return err
		}
		if err != nil {
			f.Log.ErrorContext(ctx, "task not run", "task", f.Name, "err", err)
			wait, pause = pause, min(2*pause, max(f.Check, firstPause))
		} else {
			pause = firstPause
		}
		if !sleep(ctx, f.stop, min(wait, f.Check)) {
			return nil
		}
	}
}

// step runs the task once if it is due, and returns how long nothing will be.
func (f *follower) step(ctx context.Context) (time.Duration, error) {
	now := f.now()
	if err := f.recall(ctx, now); err != nil {
		return 0, err
	}
	if f.toRun(f.last, now, f.Late).IsZero() {
		return f.untilNext(now), nil
	}
	if !f.takeSlot(ctx) {
		return 0, nil
	}
	defer f.freeSlot()
	granted, err := f.acquire(ctx, f.stop, f.Name)
	var held *HeldError
	switch {
	case errors.As(err, &held):
		f.learn(ctx, granted.Planned)
		if f.toRun(f.last, f.now(), f.Late).IsZero() {
			return 0, nil // whoever has it did what was due
		}
		return f.Lease / 2, nil
	case err != nil:
		return 0, err
	}
	return 0, f.hold(ctx, granted, func(ctx context.Context) error {
		f.learn(ctx, granted.Planned)
		planned := f.toRun(f.last, f.now(), f.Late)
		if planned.IsZero() {
			return nil
		}
		return f.attempts(ctx, granted, planned)
	})
}

// recall asks the ledger what was planned last, once.
func (f *follower) recall(ctx context.Context, now time.Time) error {
	if f.last.IsZero() {
		last, err := f.Ledger.LastPlanned(ctx, f.Name, now)
		if err != nil {
			return err
		}
		f.last = now // where the record is of no use
		f.learn(ctx, last)
	}
	if f.last.After(now.Add(wrongClock)) {
		f.last = now
	}
	return nil
}

// learn takes what is on record for the last planned time, unless a clock that
// was wrong has put it there.
func (f *follower) learn(ctx context.Context, planned time.Time) {
	switch {
	case planned.IsZero():
	case planned.After(f.now().Add(wrongClock)):
		f.Log.WarnContext(ctx, "last planned time is far ahead", "task", f.Name, "planned", planned)
	default:
		f.last = planned
	}
}

func (f *follower) untilNext(now time.Time) time.Duration {
	next := f.nextDue(f.last, now)
	if next.IsZero() {
		return f.Check
	}
	return next.Sub(now)
}

// attempts runs the task for a planned time until that is done with.
func (f *follower) attempts(ctx context.Context, g grant, planned time.Time) error {
	attempt := int64(1)
	if g.Trying.Equal(planned) {
		attempt = g.Attempt + 1
	}
	for ; ; attempt++ {
		r := ledger.Run{
			Command: f.Command, Task: f.Name, Planned: planned, Attempt: attempt, Fence: g.Fence,
			Settles: attempt > int64(f.Retries),
		}
		r, _, err := f.run(ctx, f.task, g, r)
		switch {
		case err != nil:
			return err
		case r.Settles:
			f.last = planned
			return nil
		case !f.back(ctx, attempt):
			return nil // the next to come goes on
		}
	}
}

// back waits before the attempt after this one, without its slot, and tells
// whether it is to be made.
func (f *follower) back(ctx context.Context, attempt int64) bool {
	f.freeSlot()
	return sleep(ctx, f.stop, f.pause(attempt)) && f.takeSlot(ctx)
}

func (f *follower) takeSlot(ctx context.Context) bool {
	select {
	case <-ctx.Done():
	case <-f.stop:
	case f.slots <- struct{}{}:
		f.slot = true
	}
	return f.slot
}

func (f *follower) freeSlot() {
	if f.slot {
		<-f.slots
		f.slot = false
	}
}

// tooOften is why a planned time is not begun again.
func tooOften(attempt int64) error {
	return fmt.Errorf("given up: the process died in it, or could not record it, %d times", attempt-1)
}
