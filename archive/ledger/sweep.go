package ledger

import (
	"context"
	"database/sql"
	"slices"
	"time"
)

const (
	cancelExportSQL = `UPDATE exports SET state = 'cancelled', updated = ?, lease_until = NULL,
  object = NULL, size = NULL, sha256 = NULL
WHERE id = ? AND state IN ('created', 'running', 'ready')`

	revokeTokensSQL = "UPDATE tokens SET revoked = ? WHERE export = ? AND revoked IS NULL"
)

// CancelExport ends an export that is not yet Ready, Failed or Swept, and
// revokes its tokens, as of a.At; a Ready one too is Cancelled then, and its
// file swept. Of one that has ended otherwise it changes and records nothing.
// fs.ErrNotExist: no such export.
func (l *Ledger) CancelExport(ctx context.Context, id string, a AuditEntry) error {
	return l.write(ctx, "cancel export", func(ctx context.Context, tx *sql.Tx) error {
		cancelled, err := cancelExport(ctx, tx, id, a.At)
		if err != nil {
			return err
		}
		if !cancelled {
			return exists(ctx, tx, "SELECT 1 FROM exports WHERE id = ?", "export", id)
		}
		return insertAudit(ctx, tx, a)
	})
}

// cancelExport tells whether there was something to end.
func cancelExport(ctx context.Context, tx *sql.Tx, id string, at time.Time) (bool, error) {
	cancelled, err := changedRows(tx.ExecContext(ctx, cancelExportSQL, at.UnixMilli(), id))
	if err != nil || !cancelled {
		return false, err
	}
	_, err = tx.ExecContext(ctx, revokeTokensSQL, at.UnixMilli(), id)
	return true, err
}

// exists is fs.ErrNotExist where query finds no row for id.
func exists(ctx context.Context, q querier, query, what string, id any) error {
	var one int
	return notFound(q.QueryRowContext(ctx, query, id).Scan(&one), what, id)
}

// sweepableSQL finds by state, never among all that was swept before.
const sweepableSQL = `SELECT n FROM exports WHERE state IN ('created', 'running', 'ready', 'failed', 'cancelled', 'sweeping')
  AND (state = 'sweeping'
    OR state IN ('created', 'ready') AND expires < ?
    OR state = 'running' AND expires < ? AND lease_until < ?
    OR state IN ('failed', 'cancelled') AND updated < ?)`

var startSweepSQL = `UPDATE exports SET state = 'sweeping', lease_until = NULL, object = NULL, size = NULL, sha256 = NULL
WHERE n IN (` + sweepableSQL + ")" + returningExport

// StartSweep marks as Sweeping, and returns, the exports whose last token ended
// before before and that nobody has worked on since, or that failed or were
// cancelled and last changed before it, and those that a sweep left behind.
func (l *Ledger) StartSweep(ctx context.Context, before time.Time) ([]Export, error) {
	var all []Export
	err := l.write(ctx, "start sweep", func(ctx context.Context, tx *sql.Tx) error {
		at := before.UnixMilli()
		rows, err := tx.QueryContext(ctx, startSweepSQL, at, at, at, at)
		if err != nil {
			return err
		}
		all, err = collect(rows, 0, scanExport)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// EndSweep records that the files of these exports are gone. It does nothing
// to those that no sweep has marked.
func (l *Ledger) EndSweep(ctx context.Context, ids ...string) error {
	if len(ids) == 0 {
		return ctx.Err()
	}
	return l.write(ctx, "end sweep", func(ctx context.Context, tx *sql.Tx) error {
		for chunk := range slices.Chunk(ids, pageRows) {
			query := "UPDATE exports SET state = 'swept' WHERE state = 'sweeping' AND id IN (" + placeholders(len(chunk)) + ")"
			if _, err := tx.ExecContext(ctx, query, anys(chunk, itself)...); err != nil {
				return err
			}
		}
		return nil
	})
}
