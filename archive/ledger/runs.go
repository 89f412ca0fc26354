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

// EndRun records when and how a run that StartRun returned ended: its Ended,
// Outcome and Summary. A run that the ledger doesn't have is fs.ErrNotExist.
func (l *Ledger) EndRun(ctx context.Context, r Run) error {
	return l.write(ctx, "end run", func(ctx context.Context, tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, "UPDATE runs SET ended = ?, outcome = ?, summary = ? WHERE id = ?",
			instant(r.Ended), r.Outcome, r.Summary, r.ID)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err == nil && n == 0 {
			return fmt.Errorf("run %d: %w", r.ID, fs.ErrNotExist)
		}
		return err
	})
}

// Runs returns the latest runs, latest first, at most limit of them where limit
// isn't 0.
func (l *Ledger) Runs(ctx context.Context, limit int) ([]Run, error) {
	query := "SELECT id, command, started, ended, outcome, summary FROM runs ORDER BY id DESC"
	var args []any
	if limit > 0 {
		query, args = query+" LIMIT ?", append(args, limit)
	}
	var runs []Run
	err := l.call("runs", func() error {
		rows, err := l.reader.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		runs, err = collect(rows, 0, scanRun)
		return err
	})
	if err != nil {
		return nil, err
	}
	return runs, nil
}

func scanRun(rows *sql.Rows) (Run, error) {
	var r Run
	var started int64
	var ended sql.NullInt64
	err := rows.Scan(&r.ID, &r.Command, &started, &ended, &r.Outcome, &r.Summary)
	r.Started, r.Ended = time.UnixMilli(started).UTC(), fromInstant(ended)
	return r, err
}
