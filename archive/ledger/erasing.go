package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"
)

// ByIDs returns those of docs that the ledger has, by their IDs and as they are
// now, in the order of recording.
func (l *Ledger) ByIDs(ctx context.Context, docs []Document) ([]Document, error) {
	var all []Document
	err := l.call("by ids", func() error {
		for chunk := range slices.Chunk(docs, pageRows) {
			some, err := l.documents(ctx, byIDsSQL(len(chunk)), idsOf(chunk), len(chunk))
			if err != nil {
				return err
			}
			all = append(all, some...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b Document) int { return int(a.ID - b.ID) })
	return slices.CompactFunc(all, func(a, b Document) bool { return a.ID == b.ID }), nil
}

// CountDocuments returns how many Stored documents q selects, whatever its Limit.
func (l *Ledger) CountDocuments(ctx context.Context, q Query) (n int64, err error) {
	if err := q.check(); err != nil {
		return 0, fmt.Errorf("ledger %s: count documents: %w", l.path, err)
	}
	err = l.call("count documents", func() error {
		of, err := l.ofJobOf(ctx, &q)
		if err != nil {
			return err
		}
		query, args := q.countSQL(of)
		return l.reader.QueryRowContext(ctx, query, args...).Scan(&n)
	})
	return n, err
}

func (q *Query) countSQL(of ofJob) (string, []any) {
	query, args := q.statement(of, others, math.MaxInt32)
	return "SELECT count(*) FROM (" + query + ")", args
}

func byIDsSQL(n int) string {
	return selectAnyState + " WHERE id IN (" + placeholders(n) + ")"
}

// These page through what is being deleted: the rest of a job, the rest of a
// user, and further users. Compared at once no database finds a place by them.
var (
	deletingOfJobSQL  = selectAnyState + " WHERE state = 'deleting' AND user_id = ? AND job = ? AND id > ? ORDER BY id LIMIT ?"
	deletingOfUserSQL = selectAnyState + " WHERE state = 'deleting' AND user_id = ? AND job > ? ORDER BY user_id, job, id LIMIT ?"

	nextDeletingUserSQL = "SELECT user_id FROM documents WHERE state = 'deleting' AND user_id > ? ORDER BY user_id LIMIT 1"
)

// DeletingOf yields the versions of a user whose deletion was begun, those of a
// job next to each other. It reads page by page and holds nothing in between, so
// that those it has yielded may be ended meanwhile. The first error ends it.
func (l *Ledger) DeletingOf(ctx context.Context, user string) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		var last Document
		for {
			page, err := l.deletingPage(ctx, user, last)
			if err != nil {
				yield(Document{}, err)
				return
			}
			for _, d := range page {
				if !yield(d, nil) {
					return
				}
			}
			if len(page) < l.page {
				return
			}
			last = page[len(page)-1]
		}
	}
}

// deletingPage returns what comes after a version; the first of the user where
// that is of ID 0.
func (l *Ledger) deletingPage(ctx context.Context, user string, after Document) (page []Document, err error) {
	err = l.call("deleting of user", func() error {
		if after.ID != 0 {
			if page, err = l.documents(ctx, deletingOfJobSQL, []any{user, after.Job, after.ID, l.page}, 0); err != nil {
				return err
			}
		}
		if len(page) == l.page {
			return nil
		}
		rest, err := l.documents(ctx, deletingOfUserSQL, []any{user, after.Job, l.page - len(page)}, 0)
		page = append(page, rest...)
		return err
	})
	return page, err
}

// DeletingUsers returns the users of whom something is being deleted, in order.
func (l *Ledger) DeletingUsers(ctx context.Context) (users []string, err error) {
	err = l.call("deleting users", func() error {
		last := ""
		for {
			err := l.reader.QueryRowContext(ctx, nextDeletingUserSQL, last).Scan(&last)
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			if err != nil {
				return err
			}
			users = append(users, last)
		}
	})
	return users, err
}

const erasingSegmentsSQL = selectSegments + ` WHERE id IN (
  SELECT segment FROM documents WHERE state = 'deleting' AND user_id = ? AND segment IS NOT NULL
  UNION SELECT copies.segment FROM documents CROSS JOIN copies ON copies.document = documents.id
    WHERE documents.state = 'deleting' AND documents.user_id = ?)
ORDER BY id`

// ErasingSegments returns the segments that hold a version of a user whose
// deletion was begun, be it that it lies there or that it is a copy.
func (l *Ledger) ErasingSegments(ctx context.Context, user string) ([]Segment, error) {
	return l.segments(ctx, "erasing segments", erasingSegmentsSQL, []any{user, user})
}

var sweepUserSQL = `UPDATE exports SET state = 'sweeping', updated = ?, lease_until = NULL, object = NULL, size = NULL, sha256 = NULL
WHERE state IN ('created', 'running', 'ready', 'failed', 'cancelled', 'sweeping')
  AND (user_id = ? OR user_id = '' AND (job = '' OR state = 'sweeping'))` + returningExport

// SweepUser marks as Sweeping, as of the time at and with their tokens revoked,
// the exports that may hold something of a user, and returns them: those of the
// user, and the queries of all users' jobs, of which nothing tells what they
// hold. Those of all users' that are of one job are left to StartErasure.
func (l *Ledger) SweepUser(ctx context.Context, user string, at time.Time) (exports []Export, err error) {
	err = l.write(ctx, "sweep user", func(ctx context.Context, tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, sweepUserSQL, at.UnixMilli(), user)
		if err != nil {
			return err
		}
		if exports, err = collect(rows, 0, scanExport); err != nil {
			return err
		}
		for i := range exports {
			if _, err := tx.ExecContext(ctx, revokeTokensSQL, at.UnixMilli(), exports[i].ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return exports, nil
}
