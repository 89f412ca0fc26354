package ledger

import (
	"context"
	"database/sql"
	"slices"
	"time"
)

// StartExpiry makes those of docs Expiring that are Stored, marked and due by now,
// and that no active hold matches, and returns them; and separately those that
// are held. All of it is one transaction.
func (l *Ledger) StartExpiry(ctx context.Context, docs []Document, now time.Time) (started, held []Document, err error) {
	if len(docs) == 0 {
		return nil, nil, ctx.Err()
	}
	err = l.write(ctx, "start expiry", func(ctx context.Context, tx *sql.Tx) error {
		var due []Document
		for chunk := range slices.Chunk(docs, pageRows) {
			some, err := documentsIn(ctx, tx, dueSQL(len(chunk)), append([]any{now.UnixMilli()}, idsOf(chunk)...))
			if err != nil {
				return err
			}
			due = append(due, some...)
		}
		var err error
		if started, held, err = heldIn(ctx, tx, due); err != nil {
			return err
		}
		return startExpiry(ctx, tx, started)
	})
	if err != nil {
		return nil, nil, err
	}
	return started, held, nil
}

func dueSQL(n int) string {
	return "SELECT " + documentList + ` FROM marks CROSS JOIN documents
WHERE +expiring = 0 AND +due <= ? AND document IN (` + placeholders(n) + ") AND id = document AND +state = 'stored'"
}

func expiringSQL(n int) string {
	return "UPDATE marks SET expiring = 1 WHERE document IN (" + placeholders(n) + ")"
}

func startExpiry(ctx context.Context, tx *sql.Tx, docs []Document) error {
	if err := setState(ctx, tx, docs, Stored, Expiring); err != nil {
		return err
	}
	for chunk := range slices.Chunk(docs, pageRows) {
		if _, err := tx.ExecContext(ctx, expiringSQL(len(chunk)), idsOf(chunk)...); err != nil {
			return err
		}
	}
	for i := range docs {
		docs[i].State = Expiring
	}
	return nil
}

// EndExpiry records that the objects of docs are gone: those that are Expiring
// become Expired, with nothing left of them but ids, hashes, key, time and size,
// and without a mark. They are refused when they come again. It may be repeated.
//
// One that lies in a segment, and that has copies in others, stays recorded as
// such as long as those are there.
func (l *Ledger) EndExpiry(ctx context.Context, docs []Document) error {
	if len(docs) == 0 {
		return ctx.Err()
	}
	return l.write(ctx, "end expiry", func(ctx context.Context, tx *sql.Tx) error {
		if err := setState(ctx, tx, docs, Expiring, Expired); err != nil {
			return err
		}
		return forget(ctx, tx, docs, Expired)
	})
}

// documentsIn reads documents in a transaction.
func documentsIn(ctx context.Context, tx *sql.Tx, query string, args []any) ([]Document, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, 0, scanDocument)
}

// forget removes what is only of use while something is there, of those of docs
// that are gone, in the state that this left them in.
func forget(ctx context.Context, tx *sql.Tx, docs []Document, state State) error {
	for chunk := range slices.Chunk(docs, pageRows) {
		args := append([]any{string(state)}, idsOf(chunk)...)
		for _, query := range forgetSQL(len(chunk)) {
			if _, err := tx.ExecContext(ctx, query, args...); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetSQL is the statements of forget, for n documents.
func forgetSQL(n int) []string {
	these := " WHERE +state = ? AND id IN (" + placeholders(n) + ")"
	of := " WHERE document IN (SELECT id FROM documents" + these + ")"
	return []string{
		`UPDATE documents SET title = NULL, error = NULL, error_type = NULL, source = NULL,
  started_at = NULL, completed_at = NULL, line_count = -1` + these,
		`UPDATE documents SET segment = NULL, segment_row = NULL` + these +
			" AND +segment IS NOT NULL AND NOT EXISTS (SELECT 1 FROM segments WHERE segments.id = documents.segment)",
		"DELETE FROM marks" + of,
		"DELETE FROM owed" + of,
		"DELETE FROM inputs" + of,
		"DELETE FROM copies" + of + " AND NOT EXISTS (SELECT 1 FROM segments WHERE segments.id = copies.segment)",
	}
}
