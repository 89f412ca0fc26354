package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// claimableInputsSQL finds inputs that nobody is removing. A claim that is of a
// time far ahead was made while the clock was wrong, and counts as stale.
var claimableInputsSQL = selectAnyState + ` WHERE id IN (SELECT document FROM inputs
WHERE inputs.segment = ? AND document > ? AND (claimed IS NULL OR claimed <= ? OR claimed > ?) ORDER BY document LIMIT ?)
ORDER BY id`

const (
	claimInputSQL  = "UPDATE inputs SET claimed = ? WHERE document = ?"
	countInputsSQL = "SELECT count(*) FROM inputs WHERE segment = ?"
	oneInputSQL    = "SELECT claimed FROM inputs WHERE document = ?"
	dropInputSQL   = "DELETE FROM inputs WHERE document = ?"
)

func renewInputsSQL(n int) string {
	return "UPDATE inputs SET claimed = ? WHERE claimed = ? AND document IN (" + placeholders(n) + ")"
}

func endInputsSQL(n int) string {
	return "DELETE FROM inputs WHERE claimed IS NOT NULL AND document IN (" + placeholders(n) + ")"
}

// ClaimInputs returns up to limit documents that lie in a segment and whose
// objects under their own keys are to be removed now, and claims them at the time
// now: nobody is given them again until stale has passed. Left out is what an
// active hold matches, and what was claimed after now minus stale. Whoever gets
// them removes the objects and calls EndInputs.
func (l *Ledger) ClaimInputs(ctx context.Context, segment int64, now time.Time, stale time.Duration, limit int) ([]Document, error) {
	var claimed []Document
	err := l.write(ctx, "claim inputs", func(ctx context.Context, tx *sql.Tx) (err error) {
		claimed, err = claimInputs(ctx, tx, segment, now, stale, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

func claimInputs(ctx context.Context, tx *sql.Tx, segment int64, now time.Time, stale time.Duration, limit int) (claimed []Document, err error) {
	holds, err := loadHolds(ctx, tx)
	if err != nil {
		return nil, err
	}
	for after := int64(0); len(claimed) < limit; {
		rows, err := tx.QueryContext(ctx, claimableInputsSQL, segment, after,
			now.Add(-stale).UnixMilli(), now.Add(stale).UnixMilli(), pageRows)
		if err != nil {
			return nil, err
		}
		page, err := collect(rows, 0, scanDocument)
		if err != nil || len(page) == 0 {
			return claimed, err
		}
		after = page[len(page)-1].ID
		page = slices.DeleteFunc(page, func(d Document) bool { return holds.match(&d) })
		page = page[:min(len(page), limit-len(claimed))]
		for i := range page {
			if _, err := tx.ExecContext(ctx, claimInputSQL, now.UnixMilli(), page[i].ID); err != nil {
				return nil, err
			}
		}
		claimed = append(claimed, page...)
	}
	return claimed, nil
}

// RenewInputs claims inputs anew, at the time now, that were claimed at the time was.
// It is ErrMoved where one of them isn't claimed since then any more: somebody else
// took that claim for stale. Nothing is changed then.
func (l *Ledger) RenewInputs(ctx context.Context, docs []Document, was, now time.Time) error {
	return l.write(ctx, "renew inputs", func(ctx context.Context, tx *sql.Tx) error {
		for chunk := range slices.Chunk(docs, pageRows) {
			args := append([]any{now.UnixMilli(), was.UnixMilli()}, idsOf(chunk)...)
			result, err := tx.ExecContext(ctx, renewInputsSQL(len(chunk)), args...)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			if n != int64(len(chunk)) {
				return fmt.Errorf("inputs that were claimed %s: %w: somebody else removes some of them", was.UTC().Format(time.RFC3339), ErrMoved)
			}
		}
		return nil
	})
}

// EndInputs records that the objects of claimed inputs are gone. It may be
// repeated.
func (l *Ledger) EndInputs(ctx context.Context, docs []Document) error {
	if len(docs) == 0 {
		return ctx.Err()
	}
	return l.write(ctx, "end inputs", func(ctx context.Context, tx *sql.Tx) error {
		for chunk := range slices.Chunk(docs, pageRows) {
			if _, err := tx.ExecContext(ctx, endInputsSQL(len(chunk)), idsOf(chunk)...); err != nil {
				return err
			}
		}
		return nil
	})
}

// Inputs returns how many inputs a segment still has.
func (l *Ledger) Inputs(ctx context.Context, segment int64) (int64, error) {
	var n int64
	err := l.callSince(ctx, segmentsSince, "inputs", func() error {
		return l.reader.QueryRowContext(ctx, countInputsSQL, segment).Scan(&n)
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	return n, nil
}

// Input tells whether a document that lies in a segment still has its object under
// its own key, and since when somebody is removing that: zero where nobody is.
func (l *Ledger) Input(ctx context.Context, document int64) (is bool, claimed time.Time, err error) {
	var since sql.NullInt64
	err = l.callSince(ctx, segmentsSince, "input", func() error {
		return l.reader.QueryRowContext(ctx, oneInputSQL, document).Scan(&since)
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, time.Time{}, nil
	case err != nil:
		return false, time.Time{}, err
	}
	return true, fromInstant(since), nil
}
