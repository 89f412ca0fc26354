package ledger

import (
	"context"
	"database/sql"
)

const (
	addInputSQL = `INSERT INTO inputs (document, segment, claimed)
SELECT id, segment, NULL FROM documents WHERE id = ? AND +state = 'stored' AND +segment = ?
ON CONFLICT (document) DO UPDATE SET segment = excluded.segment`

	keepInputSQL = `UPDATE documents SET segment = NULL, segment_row = NULL
WHERE id = ? AND +state = 'stored' AND +segment = ?
  AND EXISTS (SELECT 1 FROM inputs WHERE document = documents.id AND claimed IS NULL)`
)

// AddInputs records that documents, which are Stored and lie in the segments
// d.Segment, may have objects under their own keys from now on, as inputs: what a
// caller puts there and doesn't live to KeepInput is removed like any input. Those that
// are inputs already stay so, claimed or not. It is ErrMoved where one of them lies
// elsewhere or is not Stored; nothing is changed then. It may be repeated.
func (l *Ledger) AddInputs(ctx context.Context, docs []Document) error {
	return l.write(ctx, "add inputs", func(ctx context.Context, tx *sql.Tx) error {
		add, err := tx.PrepareContext(ctx, addInputSQL)
		if err != nil {
			return err
		}
		for i := range docs {
			added, err := changedRows(add.ExecContext(ctx, docs[i].ID, docs[i].Segment))
			if err != nil {
				return err
			}
			if !added {
				return docs[i].moved("it is no longer stored in its segment")
			}
		}
		return nil
	})
}

// KeepInput records that d, which is Stored and lies in the segment d.Segment, lies
// under its own key from now on, where its object is an input that the caller has
// compared. The segment keeps a copy. It is ErrMoved where d lies elsewhere or is not
// Stored, and where that object isn't an input any more, or somebody is removing it:
// it may be gone since the caller has compared it.
func (l *Ledger) KeepInput(ctx context.Context, d Document) error {
	return l.write(ctx, "keep input", func(ctx context.Context, tx *sql.Tx) error {
		kept, err := changedRows(tx.ExecContext(ctx, keepInputSQL, d.ID, d.Segment))
		if err != nil {
			return err
		}
		if !kept {
			return d.moved("it is no longer stored in its segment, or its own object is, or was, being removed")
		}
		if _, err := tx.ExecContext(ctx, dropInputSQL, d.ID); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, copySQL, d.ID, d.Segment)
		return err
	})
}
