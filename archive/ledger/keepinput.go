package ledger

import (
	"context"
	"database/sql"
)

const keepInputSQL = `UPDATE documents SET segment = NULL, segment_row = NULL
WHERE id = ? AND +state = 'stored' AND +segment = ?
  AND EXISTS (SELECT 1 FROM inputs WHERE document = documents.id AND claimed IS NULL)`

// KeepInput is TakeOut for a document whose object under its own key is an input:
// that object is kept. It is ErrMoved where it isn't an input any more, or where
// somebody is removing it: it may be gone since the caller has compared it.
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
