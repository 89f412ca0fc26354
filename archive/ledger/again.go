package ledger

import (
	"context"
	"database/sql"
)

// EraseAgain has those of docs that are Erased be erased again, since something of
// them was found in the store: they are Deleting then. Others stay as they are.
func (l *Ledger) EraseAgain(ctx context.Context, docs []Document) error {
	if len(docs) == 0 {
		return ctx.Err()
	}
	return l.write(ctx, "erase again", func(ctx context.Context, tx *sql.Tx) error {
		return setState(ctx, tx, docs, Erased, Deleting)
	})
}
