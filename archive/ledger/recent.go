package ledger

import (
	"context"
	"database/sql"
	"errors"
)

// recentRuns is how many runs of a task Recent looks at.
const recentRuns = 10_000

// Recent is what became of the latest runs of a task.
type Recent struct {
	Latest   Run   // the one that started last; of ID 0 where there was none
	Ended    Run   // the last that ended and was not interrupted; of ID 0 where Recent saw none
	Success  Run   // the last that ended ok or in part; of ID 0 where Recent saw none
	Failures int64 // runs that failed after Success
}

// Recent looks at the latest runs of a task, back to the last that succeeded
// and at most at ten thousand of them.
func (l *Ledger) Recent(ctx context.Context, task string) (Recent, error) {
	var c conditions
	c.add("task = ?", task)
	query, args := c.latest(selectRuns, "id", recentRuns)
	var seen Recent
	err := l.callSince(ctx, leasesSince, "recent runs", func() error {
		rows, err := l.reader.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() && seen.Success.ID == 0 {
			r, err := scanRun(rows)
			if err != nil {
				return err
			}
			seen.add(r)
		}
		return rows.Err()
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Recent{}, err
	}
	return seen, nil
}

// add takes a run that started before those that were added.
func (seen *Recent) add(r Run) {
	if seen.Latest.ID == 0 {
		seen.Latest = r
	}
	if seen.Ended.ID == 0 && !r.Ended.IsZero() && r.Outcome != "interrupted" {
		seen.Ended = r
	}
	switch r.Outcome {
	case "ok", "partial":
		seen.Success = r
	case "failed":
		seen.Failures++
	}
}
