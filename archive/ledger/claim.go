package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// What may be claimed: one statement each for the two kinds, so that either is
// the first row of its state in the index.
const (
	oldestCreatedSQL = "SELECT min(n) FROM exports WHERE state = 'created'"
	oldestLapsedSQL  = "SELECT min(n) FROM exports WHERE state = 'running' AND lease_until <= ?"
	claimableSQL     = "SELECT n FROM exports WHERE id = ? AND (state = 'created' OR state = 'running' AND lease_until <= ?)"
)

var claimSQL = `UPDATE exports SET state = 'running', attempt = attempt + 1, lease_until = ?, updated = ?,
  jobs = 0, line_count = 0, bytes = 0
WHERE n = ?` + returningExport

// ClaimExport gives the caller an export to work on, until now+lease: the one
// called id, or where id is empty the oldest that is Created, or Running with
// a lease that has run out. Its Attempt is one more than before, and nothing
// of it is done. fs.ErrNotExist says that there is none to work on, which is
// found out without keeping anybody from writing.
func (l *Ledger) ClaimExport(ctx context.Context, id string, now time.Time, lease time.Duration) (Export, error) {
	var e Export
	err := l.call("claim export", func() error {
		if l.writer == nil {
			return errReadOnly
		}
		if _, err := claimable(ctx, l.reader, id, now); err != nil {
			return err
		}
		return l.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
			n, err := claimable(ctx, tx, id, now) // another may have been faster
			if err != nil {
				return err
			}
			return e.scan(tx.QueryRowContext(ctx, claimSQL, now.Add(lease).UnixMilli(), now.UnixMilli(), n))
		})
	})
	if err != nil {
		return Export{}, notFound(err, "export to work on", id)
	}
	return e, nil
}

// claimable returns the row that may be claimed now; sql.ErrNoRows where there
// is none.
func claimable(ctx context.Context, q querier, id string, now time.Time) (n int64, err error) {
	if id != "" {
		err = q.QueryRowContext(ctx, claimableSQL, id, now.UnixMilli()).Scan(&n)
		return n, err
	}
	var created, lapsed sql.NullInt64
	if err := q.QueryRowContext(ctx, oldestCreatedSQL).Scan(&created); err != nil {
		return 0, err
	}
	if err := q.QueryRowContext(ctx, oldestLapsedSQL, now.UnixMilli()).Scan(&lapsed); err != nil {
		return 0, err
	}
	switch {
	case !created.Valid && !lapsed.Valid:
		return 0, sql.ErrNoRows
	case !created.Valid || lapsed.Valid && lapsed.Int64 < created.Int64:
		return lapsed.Int64, nil
	}
	return created.Int64, nil
}

// stillMine is the fence: the claim that the caller has is the last one, and
// the export has not ended.
const stillMine = " WHERE id = ? AND attempt = ? AND state = 'running'"

const renewExportSQL = `UPDATE exports SET jobs = ?, total = ?, line_count = ?, bytes = ?, lease_until = ?,
  updated = CASE WHEN updated < ? THEN ? ELSE updated END` + stillMine

// RenewExport records progress (Jobs, Total, Lines, Bytes) and keeps the claim
// until e.LeaseUntil. It is ErrFenced where e.Attempt is no longer the last, or
// the export no longer Running. e.Updated is when, where it is later than what
// is recorded.
func (l *Ledger) RenewExport(ctx context.Context, e Export) error {
	return l.write(ctx, "renew export", func(ctx context.Context, tx *sql.Tx) error {
		at := e.Updated.UnixMilli()
		mine, err := changedRows(tx.ExecContext(ctx, renewExportSQL,
			e.Jobs, e.Total, e.Lines, e.Bytes, e.LeaseUntil.UnixMilli(), at, at, e.ID, e.Attempt))
		if err == nil && !mine {
			return fenced(&e)
		}
		return err
	})
}

func fenced(e *Export) error {
	return fmt.Errorf("export %s, attempt %d: %w", e.ID, e.Attempt, ErrFenced)
}

const finishExportSQL = `UPDATE exports SET state = ?, jobs = ?, total = ?, line_count = ?, bytes = ?,
  object = ?, size = ?, sha256 = ?, error = ?, lease_until = NULL,
  updated = CASE WHEN updated < ? THEN ? ELSE updated END` + stillMine

// FinishExport records what a claimed export came to: e.State is Ready (with
// Object, Size and SHA256), Failed (with Error) or Created (given back). It is
// ErrFenced as RenewExport is. After an error it may have taken effect; the
// same call can be made again. e.Updated is when, as for RenewExport.
func (l *Ledger) FinishExport(ctx context.Context, e Export) error {
	var object, size, sum, failure any
	switch {
	case e.State == ExportReady && e.Object != "":
		object, size, sum = e.Object, e.Size, e.SHA256[:]
	case e.State == ExportFailed:
		failure = text(cut(e.Error))
	case e.State == ExportCreated:
	default:
		return fmt.Errorf("ledger %s: finish export %s: it can't end as %q with the object %q", l.path, e.ID, e.State, e.Object)
	}
	return l.write(ctx, "finish export", func(ctx context.Context, tx *sql.Tx) error {
		at := e.Updated.UnixMilli()
		mine, err := changedRows(tx.ExecContext(ctx, finishExportSQL, string(e.State),
			e.Jobs, e.Total, e.Lines, e.Bytes, object, size, sum, failure, at, at, e.ID, e.Attempt))
		if err != nil || mine {
			return err
		}
		return finishedAlready(ctx, tx, &e)
	})
}

// finishedAlready is nil where the export ended just like that, by a call whose
// answer was lost.
func finishedAlready(ctx context.Context, tx *sql.Tx, e *Export) error {
	var have Export
	switch err := have.scan(tx.QueryRowContext(ctx, exportSQL, e.ID)); {
	case errors.Is(err, sql.ErrNoRows):
		return fenced(e)
	case err != nil:
		return err
	case have.Attempt != e.Attempt, have.State != e.State:
		return fenced(e)
	case e.State == ExportReady && (have.Object != e.Object || have.SHA256 != e.SHA256):
		return fenced(e)
	}
	return nil
}
