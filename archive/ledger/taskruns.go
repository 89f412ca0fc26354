package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

const (
	// sameRunSQL finds a run by a call whose answer was lost.
	sameRunSQL = `SELECT id, started FROM runs
WHERE task = ? AND fence = ? AND coalesce(planned, -1) = ? AND attempt = ? AND ended IS NULL`

	insertTaskRunSQL = `INSERT INTO runs (command, started, outcome, summary, task, planned, attempt, fence)
VALUES (?, ?, '', '', ?, ?, ?, ?) RETURNING id`

	tryingSQL = "UPDATE leases SET trying = ?, attempt = ?" + myLease

	// A planned time that is done with is no longer tried; an interrupted
	// attempt was none.
	settleSQL    = "UPDATE leases SET planned = ?, trying = NULL, attempt = 0" + myLease
	interruptSQL = "UPDATE leases SET attempt = ?" + myLease
)

// StartTaskRun records that a run of r.Task has started at r.Started, under the
// lease with r.Fence, for r.Planned unless that is zero, and returns it. It is
// ErrFenced where the lease was lost. The same call made again before the run
// has ended returns the same run.
func (l *Ledger) StartTaskRun(ctx context.Context, r Run) (Run, error) {
	if r.Task == "" {
		return Run{}, fmt.Errorf("ledger %s: start task run: no task", l.path)
	}
	started := r.Started.UnixMilli()
	planned := instant(r.Planned)
	err := l.write(ctx, "start task run", func(ctx context.Context, tx *sql.Tx) error {
		if err := checkLease(ctx, tx, Lease{Task: r.Task, Fence: r.Fence}); err != nil {
			return err
		}
		same := int64(-1)
		if !r.Planned.IsZero() {
			same = r.Planned.UnixMilli()
			if _, err := tx.ExecContext(ctx, tryingSQL, planned, r.Attempt, r.Task, r.Fence); err != nil {
				return err
			}
		}
		err := tx.QueryRowContext(ctx, sameRunSQL, r.Task, r.Fence, same, r.Attempt).Scan(&r.ID, &started)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		return tx.QueryRowContext(ctx, insertTaskRunSQL, r.Command, started, r.Task, planned, r.Attempt, r.Fence).Scan(&r.ID)
	})
	if err != nil {
		return Run{}, err
	}
	r.Started, r.Planned = time.UnixMilli(started).UTC(), r.Planned.Truncate(time.Millisecond)
	return r, nil
}

// endTaskRun brings the lease of a task's run up to date.
func endTaskRun(ctx context.Context, tx *sql.Tx, r Run) error {
	if err := checkLease(ctx, tx, Lease{Task: r.Task, Fence: r.Fence}); err != nil {
		return err
	}
	switch {
	case r.Planned.IsZero():
		return nil
	case r.Settles:
		_, err := tx.ExecContext(ctx, settleSQL, r.Planned.UnixMilli(), r.Task, r.Fence)
		return err
	case r.Outcome == "interrupted":
		_, err := tx.ExecContext(ctx, interruptSQL, max(r.Attempt-1, 0), r.Task, r.Fence)
		return err
	}
	return nil
}
