package main

import (
	"context"
	"errors"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/scheduler"
)

// retainTask does what policies say, as the command retain does. Nobody is there to
// say --yes.
func (a *app) retainTask(w workplace) taskFunc {
	return func(ctx context.Context, _ ledger.Run) (report, error) {
		did, err := a.retainWith(ctx, w, false)
		if farMore(err) {
			err = asksForYes{err}
		}
		return did, err
	}
}

// farMore tells whether an error says that a policy lets far more expire than it
// used to.
func farMore(err error) bool {
	var far *retain.FarMoreError
	return errors.As(err, &far)
}

// asksForYes is a *retain.FarMoreError as the scheduler knows it.
type asksForYes struct{ error }

func (e asksForYes) Unwrap() error { return e.error }

// Is tells that the task is not to be tried again: that would find the same.
func (e asksForYes) Is(target error) bool { return target == scheduler.ErrFinal }
