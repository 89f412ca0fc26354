package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
)

const insertQuarantinedSQL = `INSERT INTO quarantined
  (source, part, byte_offset, sha256, size, key, reason, quarantined_at, state)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO NOTHING`

const upsertCursorSQL = `INSERT INTO cursors (source, part, value) VALUES (?, ?, ?)
ON CONFLICT (source, part) DO UPDATE SET value = excluded.value`

// What is known and was not verified, and lies in no segment, may be replaced.
const replaceable = " WHERE id = ? AND +state = 'stored' AND +verified < ? AND segment IS NULL"

const (
	// resizeSQL counts the bytes of a row as those it is about to have.
	resizeSQL = `INSERT INTO totals (kind, state, documents, bytes)
SELECT kind, state, 0, ? - size FROM documents` + replaceable + addToTotals

	replaceDocumentSQL = `UPDATE documents SET verified = ?, key = ?, revision = ?, sha256 = ?, size = ?,
  input_size = ?, changed = ?, overflow = ?` + replaceable
)

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
	var runs *jobRuns
	err := l.write(ctx, "commit", func(ctx context.Context, tx *sql.Tx) error {
		var err error
		if runs, err = l.commitDocuments(ctx, tx, b.Documents); err != nil {
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
	if err != nil {
		return err
	}
	l.jobs.keep(runs)
	return nil
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

// commitDocuments returns the index of jobs as it is once the transaction has
// taken effect; nil where it doesn't change.
func (l *Ledger) commitDocuments(ctx context.Context, tx *sql.Tx, docs []Document) (*jobRuns, error) {
	if len(docs) == 0 {
		return nil, nil
	}
	r, err := l.recorder(ctx, tx, docs)
	if err != nil {
		return nil, err
	}
	for i := range docs {
		d := &docs[i]
		if id := r.knownAs(i, d); id != 0 {
			if err := replaceDocument(ctx, tx, id, d); err != nil {
				return nil, err
			}
			continue
		}
		if f := r.add(i, d, nil, nil); f != nil && d.Verified && !f.doc.Verified && cmp.Or(f.doc.State, Stored) == Stored {
			f.doc = f.doc.replacedBy(d)
		}
	}
	return r.insert(ctx)
}

// replaceDocument has a row be where and what d is, if it may be replaced by it.
func replaceDocument(ctx context.Context, tx *sql.Tx, id int64, d *Document) error {
	if !d.Verified {
		return nil
	}
	if _, err := tx.ExecContext(ctx, resizeSQL, d.Size, id, d.Verified); err != nil {
		return err
	}
	sum, inputSize := d.others()
	_, err := tx.ExecContext(ctx, replaceDocumentSQL, d.Verified, d.Key, d.Revision, sum, d.Size,
		inputSize, text(d.Changed), d.Overflow, id, d.Verified)
	return err
}

// replacedBy returns d where and as what other is, in the columns of
// replaceDocumentSQL.
func (d *Document) replacedBy(other *Document) *Document {
	r := *d
	r.Verified, r.Key, r.Revision, r.Overflow = other.Verified, other.Key, other.Revision, other.Overflow
	r.SHA256, r.Size, r.InputSize, r.Changed = other.SHA256, other.Size, other.InputSize, other.Changed
	return &r
}
