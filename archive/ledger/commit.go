package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// documentRows are the numbers of documents that one statement inserts, largest
// first.
var documentRows = [...]int{20, 1}

const insertQuarantinedSQL = `INSERT INTO quarantined
  (source, part, byte_offset, sha256, size, key, reason, quarantined_at, state)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO NOTHING`

const upsertCursorSQL = `INSERT INTO cursors (source, part, value) VALUES (?, ?, ?)
ON CONFLICT (source, part) DO UPDATE SET value = excluded.value`

// addTotalsSQL counts the documents whose ids are above a number.
const addTotalsSQL = `INSERT INTO totals (kind, state, documents, bytes)
SELECT kind, state, count(*), sum(size) FROM documents WHERE id > ? GROUP BY kind, state` + addToTotals

const addToTotals = `
ON CONFLICT (kind, state) DO UPDATE SET
  documents = totals.documents + excluded.documents,
  bytes = totals.bytes + excluded.bytes`

func insertDocumentsSQL(rows int) string {
	row := "(" + placeholders(len(archivedColumns)) + ")"
	return "INSERT INTO documents (" + strings.Join(archivedColumns, ", ") + ") VALUES " +
		strings.Join(slices.Repeat([]string{row}, rows), ", ") + `
ON CONFLICT (job, user_id, input_hash) DO UPDATE SET verified = excluded.verified,
  key = excluded.key, revision = excluded.revision, sha256 = excluded.sha256, size = excluded.size,
  input_size = excluded.input_size, changed = excluded.changed, overflow = excluded.overflow
  WHERE excluded.verified > documents.verified AND documents.state = 'stored' AND documents.segment IS NULL`
}

// Commit records a batch in one transaction: all of it or nothing, and on disk
// once Commit has returned nil. After an error it may have taken effect; the
// same batch can be committed again.
//
// A document that is there already (same user, job and input hash) stays as it
// is, unless it is Stored, lies in no segment, was not verified and now is: then
// where and what it is in the store is replaced. A quarantined record that is
// there already (same key) stays as it is, also when
// it was retried or dropped. A cursor replaces the one before it. Where ctx
// has ended before the transaction began, nothing is recorded; after that ctx
// is not looked at.
func (l *Ledger) Commit(ctx context.Context, b Batch) error {
	if len(b.Documents)+len(b.Quarantined)+len(b.Cursors) == 0 {
		return ctx.Err()
	}
	if err := b.check(); err != nil {
		return fmt.Errorf("ledger %s: commit: %w", l.path, err)
	}
	return l.write(ctx, "commit", func(ctx context.Context, tx *sql.Tx) error {
		if err := l.commitDocuments(ctx, tx, b.Documents); err != nil {
			return fmt.Errorf("record documents: %w", err)
		}
		stmt := tx.StmtContext(ctx, l.insertQuarantined)
		for i := range b.Quarantined {
			q := &b.Quarantined[i]
			if _, err := stmt.ExecContext(ctx, q.Source, q.Part, q.Offset, q.SHA256[:], q.Size, q.Key,
				q.Reason, q.At.UnixMilli(), string(cmp.Or(q.State, StillOpen))); err != nil {
				return fmt.Errorf("record what is quarantined: %w", err)
			}
		}
		stmt = tx.StmtContext(ctx, l.upsertCursor)
		for _, c := range b.Cursors {
			if _, err := stmt.ExecContext(ctx, c.Source, c.Part, c.Value); err != nil {
				return fmt.Errorf("record cursors: %w", err)
			}
		}
		return nil
	})
}

// check refuses what could not be found again.
func (b *Batch) check() error {
	for i := range b.Documents {
		d := &b.Documents[i]
		switch {
		case d.User == "", d.Job == "", d.Key == "", d.Kind == "":
			return fmt.Errorf("document %q of job %q of user %q of kind %q: none of these may be empty", d.Key, d.Job, d.User, d.Kind)
		case d.Time.IsZero():
			return fmt.Errorf("document %q has no time", d.Key)
		}
	}
	for i := range b.Quarantined {
		if q := &b.Quarantined[i]; q.Key == "" || q.Source == "" {
			return fmt.Errorf("quarantined record %q of source %q: neither may be empty", q.Key, q.Source)
		}
	}
	return nil
}

func (l *Ledger) commitDocuments(ctx context.Context, tx *sql.Tx, docs []Document) error {
	if len(docs) == 0 {
		return nil
	}
	// Ids only grow, and nobody else writes in the meantime.
	var last int64
	if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM documents").Scan(&last); err != nil {
		return err
	}
	args := make([]any, 0, documentRows[0]*len(archivedColumns))
	for _, s := range l.insertDocuments {
		stmt := tx.StmtContext(ctx, s.stmt)
		for len(docs) >= s.rows {
			args = args[:0]
			for i := range docs[:s.rows] {
				args = docs[i].appendArgs(args)
			}
			if _, err := stmt.ExecContext(ctx, args...); err != nil {
				return err
			}
			docs = docs[s.rows:]
		}
	}
	_, err := tx.ExecContext(ctx, addTotalsSQL, last)
	return err
}
