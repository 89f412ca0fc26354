package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// documentList is the columns of a document, for a statement that begins otherwise.
var documentList = strings.Join(documentColumns[:], ", ")

// maxLeaving is how many documents a hold that came too late is told of.
const maxLeaving = 10

var (
	// leavingJobSQL may look up what any number of users have, which is little.
	leavingJobSQL = selectAnyState + " WHERE +state IN ('deleting', 'expiring') AND "

	leavingExpiringSQL = "SELECT " + documentList + ` FROM marks CROSS JOIN documents
WHERE expiring = 1 AND id = document AND +state = 'expiring' ORDER BY due, document`
)

// leavingOf returns what holds match and is being removed already, at most
// maxLeaving documents.
func leavingOf(ctx context.Context, tx *sql.Tx, holds activeHolds) ([]Document, error) {
	w := leaving{holds: holds}
	for job := range holds.ofJob {
		of, err := ofJobIn(ctx, tx, job)
		if err != nil {
			return nil, err
		}
		query, args := of.statement(leavingJobSQL, "")
		if err := w.look(ctx, tx, query, args...); err != nil {
			return nil, err
		}
	}
	if len(holds.others) == 0 {
		return w.found, nil
	}
	for _, query := range []string{deletingSQL, leavingExpiringSQL} {
		if err := w.look(ctx, tx, query); err != nil {
			return nil, err
		}
	}
	return w.found, nil
}

// leaving looks for documents that are being removed although they should be held.
type leaving struct {
	holds activeHolds
	found []Document
}

// look goes through what a query selects, a row at a time: it may be a million.
func (w *leaving) look(ctx context.Context, tx *sql.Tx, query string, args ...any) error {
	if len(w.found) == maxLeaving {
		return nil
	}
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("look for what is being removed: %w", err)
	}
	defer rows.Close()
	for rows.Next() && len(w.found) < maxLeaving {
		d, err := scanDocument(rows)
		if err != nil {
			return err
		}
		known := slices.ContainsFunc(w.found, func(f Document) bool { return f.ID == d.ID })
		if !known && w.holds.match(&d) {
			w.found = append(w.found, d)
		}
	}
	return rows.Err()
}
