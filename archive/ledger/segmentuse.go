package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"
)

const (
	segmentUseSQL = `SELECT state, count(*), coalesce(sum(size), 0), min(due)
FROM documents LEFT JOIN marks ON marks.document = documents.id AND documents.state = 'expiring'
WHERE documents.segment = ? GROUP BY state`

	copiesSQL = selectSegments + " WHERE id IN (SELECT segment FROM copies WHERE document = ?) ORDER BY id"
)

var inSegmentSQL = selectAnyState + " WHERE segment = ?"

// SegmentUse is what lies in a segment, by state. Its other rows are of what
// lies elsewhere, or is gone.
type SegmentUse struct {
	Stored, StoredBytes int64
	Deleting            int64
	Expiring            int64
	Expired             time.Time // since when the first of those was to expire; zero: none is
}

// SegmentUse tells what lies in a segment.
func (l *Ledger) SegmentUse(ctx context.Context, id int64) (SegmentUse, error) {
	var u SegmentUse
	err := l.callSince(ctx, segmentsSince, "segment use", func() error {
		rows, err := l.reader.QueryContext(ctx, segmentUseSQL, id)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := u.add(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return SegmentUse{}, err
	}
	return u, nil
}

func (u *SegmentUse) add(row scanner) error {
	var state State
	var n, bytes int64
	var due sql.NullInt64
	if err := row.Scan(&state, &n, &bytes, &due); err != nil {
		return err
	}
	switch state {
	case Stored:
		u.Stored, u.StoredBytes = n, bytes
	case Deleting:
		u.Deleting = n
	case Expiring:
		u.Expiring, u.Expired = n, fromInstant(due)
	}
	return nil
}

// InSegment returns the versions that lie in a segment, whatever their state, in
// the order of its rows.
func (l *Ledger) InSegment(ctx context.Context, id int64) ([]Document, error) {
	var all []Document
	err := l.callSince(ctx, segmentsSince, "in segment", func() (err error) {
		all, err = l.documents(ctx, inSegmentSQL, []any{id}, 0)
		return err
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	slices.SortFunc(all, func(a, b Document) int { return cmp.Compare(a.SegmentRow, b.SegmentRow) })
	return all, nil
}

// Copies returns the segments that hold a document's version but are not where it
// lies: it was taken out of them, or adopted from elsewhere. Whoever erases it
// erases it there too.
func (l *Ledger) Copies(ctx context.Context, document int64) ([]Segment, error) {
	return l.segments(ctx, "copies", copiesSQL, []any{document})
}
