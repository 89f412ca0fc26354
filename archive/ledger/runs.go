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

// RunQuery selects runs. Zero fields select everything.
type RunQuery struct {
	Task    string
	Command string
	Before  int64 // only runs with a lower ID
	Limit   int   // 0: no limit
}

func (q RunQuery) statement(selecting string) (string, []any) {
	var c conditions
	// Few runs are of one task, and most ledgers have few others: no index but
	// the task's is of use beside the order of ids.
	if q.Task != "" {
		c.add("task = ?", q.Task)
	}
	if q.Command != "" {
		c.add("command = ?", q.Command)
	}
	if q.Before != 0 {
		c.add("id < ?", q.Before)
	}
	return c.latest(selecting, "id", q.Limit)
}

// Runs returns the latest runs that q selects, latest first. One of a task that
// hasn't ended, and whose Fence is lower than that of the task's lease, died.
func (l *Ledger) Runs(ctx context.Context, q RunQuery) ([]Run, error) {
	var all []Run
	err := l.call("runs", func() error {
		selecting, err := l.selectRuns(ctx)
		if err != nil || q.Task != "" && selecting == selectOlderRuns {
			return err // of tasks there are none
		}
		query, args := q.statement(selecting)
		rows, err := l.reader.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		all, err = collect(rows, 0, scanRun)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Run returns a run; fs.ErrNotExist where there is none of that id.
func (l *Ledger) Run(ctx context.Context, id int64) (Run, error) {
	var r Run
	err := l.call("run", func() error {
		selecting, err := l.selectRuns(ctx)
		if err != nil {
			return err
		}
		r, err = scanRun(l.reader.QueryRowContext(ctx, selecting+" WHERE id = ?", id))
		return err
	})
	if err != nil {
		return Run{}, notFound(err, "run", id)
	}
	return r, nil
}

// selectRuns selects what the schema has of runs.
func (l *Ledger) selectRuns(ctx context.Context) (string, error) {
	newer, err := l.has(ctx, leasesSince)
	if err != nil || newer {
		return selectRuns, err
	}
	return selectOlderRuns, nil
}

func scanRun[R scanner](row R) (Run, error) {
	var r Run
	var started int64
	var ended, planned, attempt, fence sql.NullInt64
	var task, failure sql.NullString
	err := row.Scan(&r.ID, &r.Command, &started, &ended, &r.Outcome, &r.Summary, &task, &planned, &attempt, &fence, &failure)
	r.Started, r.Ended = time.UnixMilli(started).UTC(), fromInstant(ended)
	r.Task, r.Planned, r.Attempt, r.Fence, r.Error = task.String, fromInstant(planned), attempt.Int64, fence.Int64, failure.String
	return r, err
}
