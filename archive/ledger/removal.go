package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

const (
	removeSegmentSQL = "UPDATE segments SET state = 'deleting' WHERE id = ?"

	// What a segment that is gone leaves nothing of.
	emptySegmentSQL = "UPDATE documents SET segment = NULL, segment_row = NULL WHERE segment = ?"
	dropInputsSQL   = "DELETE FROM inputs WHERE segment = ?"
	dropCopiesSQL   = "DELETE FROM copies WHERE segment = ?"
	dropSegmentSQL  = "DELETE FROM segments WHERE id = ?"
)

// StartSegmentRemoval marks as Deleting a segment that is Writing, or Replaced
// and due by now, or Deleting already; or Stored without anything Stored in it.
// Otherwise it is ErrMoved.
func (l *Ledger) StartSegmentRemoval(ctx context.Context, id int64, now time.Time) (Segment, error) {
	var s Segment
	err := l.write(ctx, "start segment removal", func(ctx context.Context, tx *sql.Tx) (err error) {
		if s, err = segmentIn(ctx, tx, id); err != nil {
			return err
		}
		var stored int64
		if err := tx.QueryRowContext(ctx, storedInSQL, id).Scan(&stored); err != nil {
			return err
		}
		switch {
		case stored > 0:
			return s.moved(fmt.Sprintf("%d documents lie in it", stored))
		case s.State == SegmentReplaced && s.Due.After(now):
			return s.moved("it is not to go before " + s.Due.Format(time.RFC3339))
		}
		s.State = SegmentDeleting
		_, err = tx.ExecContext(ctx, removeSegmentSQL, id)
		return err
	})
	if err != nil {
		return Segment{}, err
	}
	return s, nil
}

// EndSegmentRemoval records that a segment that is Deleting is gone from the
// store. What still lies in it (nothing that is Stored) lies nowhere then, and its
// own key is where the rest of it is, if there is any: no inputs are left. It may
// be repeated; it is ErrMoved where the segment is not Deleting.
func (l *Ledger) EndSegmentRemoval(ctx context.Context, id int64) error {
	return l.write(ctx, "end segment removal", func(ctx context.Context, tx *sql.Tx) error {
		var s Segment
		err := s.scan(tx.QueryRowContext(ctx, segmentSQL, id))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return nil
		case err != nil:
			return err
		case s.State != SegmentDeleting:
			return s.moved("it is " + string(s.State))
		}
		for _, query := range []string{emptySegmentSQL, dropInputsSQL, dropCopiesSQL, dropSegmentSQL} {
			if _, err := tx.ExecContext(ctx, query, id); err != nil {
				return err
			}
		}
		return nil
	})
}
