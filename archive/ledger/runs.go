package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"time"
)

// StartRun records that a command started and returns its run.
func (l *Ledger) StartRun(ctx context.Context, command string, at time.Time) (Run, error) {
	r := Run{Command: command, Started: at.Truncate(time.Millisecond).UTC()}
	err := l.write(ctx, "start run", func(ctx context.Context, tx *sql.Tx) error {
		return tx.QueryRowContext(ctx,
			"INSERT INTO runs (command, started, outcome, summary) VALUES (?, ?, '', '') RETURNING id",
			command, at.UnixMilli()).Scan(&r.ID)
	})
	if err != nil {
		return Run{}, err
	}
	return r, nil
}

// endRunSQL takes a task's run for no other task's, nor for none's.
const endRunSQL = "UPDATE runs SET ended = ?, outcome = ?, summary = ?, error = ? WHERE id = ? AND coalesce(task, '') = coalesce(?, '')"

// EndRun records when and how a run that StartRun or StartTaskRun returned
// ended: its Ended, Outcome, Summary and Error. A run that the ledger doesn't
// have is fs.ErrNotExist. Of a task's run it also records whether it Settles
// what was Planned, and is ErrFenced, with nothing recorded, where its lease was
// lost. The same call can be made again.
func (l *Ledger) EndRun(ctx context.Context, r Run) error {
	return l.write(ctx, "end run", func(ctx context.Context, tx *sql.Tx) error {
		if r.Task != "" {
			if err := endTaskRun(ctx, tx, r); err != nil {
				return err
			}
		}
		found, err := changedRows(tx.ExecContext(ctx, endRunSQL,
			instant(r.Ended), r.Outcome, r.Summary, text(cut(r.Error)), r.ID, text(r.Task)))
		if err == nil && !found {
			return fmt.Errorf("run %d: %w", r.ID, fs.ErrNotExist)
		}
		return err
	})
}

const (
	selectOlderRuns = "SELECT id, command, started, ended, outcome, summary, NULL, NULL, NULL, NULL, NULL FROM runs"
	selectRuns      = "SELECT id, command, started, ended, outcome, summary, task, planned, attempt, fence, error FROM runs"
)

// Runs returns the latest runs, latest first, at most limit of them where limit
// isn't 0.
func (l *Ledger) Runs(ctx context.Context, limit int) ([]Run, error) {
	var runs []Run
	err := l.call("runs", func() error {
		newer, err := l.has(ctx, leasesSince)
		if err != nil {
			return err
		}
		selecting := selectRuns
		if !newer {
			selecting = selectOlderRuns
		}
		query, args := (&conditions{}).latest(selecting, "id", limit)
		runs, err = l.runs(ctx, query, args)
		return err
	})
	if err != nil {
		return nil, err
	}
	return runs, nil
}

func (l *Ledger) runs(ctx context.Context, query string, args []any) ([]Run, error) {
	rows, err := l.reader.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, 0, scanRun)
}

func scanRun(rows *sql.Rows) (Run, error) {
	var r Run
	var started int64
	var ended, planned, attempt, fence sql.NullInt64
	var task, failure sql.NullString
	err := rows.Scan(&r.ID, &r.Command, &started, &ended, &r.Outcome, &r.Summary, &task, &planned, &attempt, &fence, &failure)
	r.Started, r.Ended = time.UnixMilli(started).UTC(), fromInstant(ended)
	r.Task, r.Planned, r.Attempt, r.Fence, r.Error = task.String, fromInstant(planned), attempt.Int64, fence.Int64, failure.String
	return r, err
}
