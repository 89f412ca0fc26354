package scheduler

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"logstow/archive/ledger"
)

// result is what a task has returned.
type result struct {
	summary string
	err     error
}

// do calls the task, until its timeout, and waits for it; ErrStuck where it
// doesn't return.
func (s *Scheduler) do(ctx context.Context, t *task, r ledger.Run) (summary string, err error) {
	if t.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, t.Timeout, ErrTimeout)
		defer cancel()
	}
	done := make(chan result, 1)
	go s.call(ctx, t, r, done)
	var got result
	select {
	case got = <-done:
	case <-ctx.Done():
		patience := time.NewTimer(s.Patience)
		defer patience.Stop()
		select {
		case got = <-done:
		case <-patience.C:
			got.err = fmt.Errorf("%w: task %s has not returned %s after it was to end", ErrStuck, t.Name, s.Patience)
		}
	}
	return got.summary, why(ctx, t, got.err)
}

// call calls the task and sends its result. A panic is an error, as is the end
// of the goroutine.
func (s *Scheduler) call(ctx context.Context, t *task, r ledger.Run, done chan<- result) {
	got := result{err: errors.New("it ended its goroutine")}
	defer func() { done <- got }()
	defer func() {
		if p := recover(); p != nil {
			got.err = fmt.Errorf("%w: %v", ErrPanic, p)
			s.Log.ErrorContext(ctx, "task panicked", "task", t.Name, "err", got.err, "stack", string(debug.Stack()))
		}
	}()
	got.summary, got.err = t.Do(ctx, r)
}

// why adds to an error of a task why its context has ended.
func why(ctx context.Context, t *task, err error) error {
	cause := context.Cause(ctx)
	switch {
	case err == nil:
		return nil
	case errors.Is(cause, ErrTimeout):
		return fmt.Errorf("%w of %s: %w", ErrTimeout, t.Timeout.Round(time.Millisecond), err)
	case errors.Is(cause, ErrLost):
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}
