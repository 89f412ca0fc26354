package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sync/errgroup"

	"logstow/archive/ledger"
)

// Run works through exports until ctx ends, then gives back what it had not
// finished and returns nil. What goes wrong with an export is recorded with
// it; what goes wrong with the ledger is logged, and tried again.
func (q *Queue) Run(ctx context.Context) error {
	var workers errgroup.Group
	for range q.Workers {
		workers.Go(func() error {
			q.loop(ctx)
			return nil
		})
	}
	return workers.Wait()
}

// loop makes one export after another until ctx ends.
func (q *Queue) loop(ctx context.Context) {
	pause := q.Poll
	for ctx.Err() == nil {
		e, err := q.Ledger.ClaimExport(ctx, "", q.Now(), q.Lease)
		if err == nil {
			q.Wake() // where there is one there may be more
			err = q.carryOut(ctx, e, nil)
		}
		switch {
		case err == nil:
			pause = q.Poll
			continue
		case errors.Is(err, fs.ErrNotExist): // nothing to do
			pause = q.Poll
		case ctx.Err() != nil:
			return
		case errors.Is(err, ledger.ErrFenced):
			q.Log.WarnContext(ctx, "export taken over or ended by another", "export", e.ID, "attempt", e.Attempt, "err", err)
			continue
		default:
			q.Log.ErrorContext(ctx, "export queue stopped by the ledger", "export", e.ID, "err", err, "pause", pause)
			pause = min(2*pause, max(q.Poll, maxPause))
		}
		select {
		case <-ctx.Done():
		case <-q.wake:
		case <-time.After(pause):
		}
	}
}

// Work makes the export called id, or waits while another process does, and
// returns it when it is Ready or has ended otherwise. progress, which may be
// nil, is called now and then with the export as it is, never twice at once.
// When ctx ends, what was not finished is given back, for others to go on at
// once. fs.ErrNotExist says that there is no such export.
//
// It is not one of the exports that Config.Workers bounds.
func (q *Queue) Work(ctx context.Context, id string, progress func(ledger.Export)) (ledger.Export, error) {
	if progress == nil {
		progress = func(ledger.Export) {}
	}
	for {
		e, err := q.Ledger.Export(ctx, id)
		if err != nil {
			return e, fmt.Errorf("work on an export: %w", err)
		}
		progress(e)
		if e.State != ledger.ExportCreated && e.State != ledger.ExportRunning {
			return e, nil
		}
		claimed, err := q.Ledger.ClaimExport(ctx, id, q.Now(), q.Lease)
		if err == nil {
			err = q.carryOut(ctx, claimed, progress)
		} else if errors.Is(err, fs.ErrNotExist) { // another has it
			err = nil
			sleep(ctx, q.Poll)
		}
		if ctx.Err() != nil {
			return e, fmt.Errorf("work on export %s: %w", id, context.Cause(ctx))
		}
		if err != nil && !errors.Is(err, ledger.ErrFenced) {
			return e, fmt.Errorf("work on export %s: %w", id, err)
		}
	}
}
