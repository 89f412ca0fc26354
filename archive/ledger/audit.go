package ledger

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// AuditEntry is one thing that somebody did or was refused. Its texts are kept
// up to MaxText bytes each.
type AuditEntry struct {
	ID      int64 // set by the ledger
	At      time.Time
	Key     int64  // the API key; 0: the command line, or nobody we know
	Remote  string // the address it came from; empty: the command line
	Action  string // "export", "delete", "cancel", "revoke", "key create", "key revoke", "refused"
	User    string // whose job; empty where no one's in particular
	Job     string
	Outcome string // "ok", or why not
	Detail  string
}

// AuditQuery selects audit entries.
type AuditQuery struct {
	Limit  int   // 0: no limit
	Before int64 // only entries with a smaller ID; 0: all
}

const (
	selectAudit    = "SELECT id, at, api_key, remote, action, user_id, job, outcome, detail FROM audit"
	insertAuditSQL = "INSERT INTO audit (at, api_key, remote, action, user_id, job, outcome, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)

// Audit records entries, in one transaction.
func (l *Ledger) Audit(ctx context.Context, entries ...AuditEntry) error {
	if len(entries) == 0 {
		return ctx.Err()
	}
	return l.write(ctx, "audit", func(ctx context.Context, tx *sql.Tx) error {
		for _, a := range entries {
			if err := insertAudit(ctx, tx, a); err != nil {
				return err
			}
		}
		return nil
	})
}

func insertAudit(ctx context.Context, tx *sql.Tx, a AuditEntry) error {
	_, err := tx.ExecContext(ctx, insertAuditSQL, a.At.UnixMilli(), a.Key,
		cut(a.Remote), cut(a.Action), cut(a.User), cut(a.Job), cut(a.Outcome), cut(a.Detail))
	return err
}

// AuditLog returns entries, newest first.
func (l *Ledger) AuditLog(ctx context.Context, q AuditQuery) ([]AuditEntry, error) {
	var all []AuditEntry
	err := l.callAccess(ctx, "audit log", func() error {
		query, args := q.statement()
		rows, err := l.reader.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		all, err = collect(rows, 0, scanAudit)
		return err
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	return all, nil
}

func (q *AuditQuery) statement() (string, []any) {
	var c conditions
	if q.Before != 0 {
		c.add("id < ?", q.Before)
	}
	return c.latest(selectAudit, "id", q.Limit)
}

func scanAudit(rows *sql.Rows) (AuditEntry, error) {
	var a AuditEntry
	var at int64
	err := rows.Scan(&a.ID, &at, &a.Key, &a.Remote, &a.Action, &a.User, &a.Job, &a.Outcome, &a.Detail)
	a.At = time.UnixMilli(at).UTC()
	return a, err
}
