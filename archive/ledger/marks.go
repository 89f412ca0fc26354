package ledger

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"
)

// Mark says that a document is to expire, unless that is cancelled before. Times
// are kept to the millisecond, and Due is never rounded down.
type Mark struct {
	Policy string // its name
	Marked time.Time
	Due    time.Time // from when on it may be removed
}

// Marked is a document with its mark.
type Marked struct {
	Document
	Mark Mark
}

func markSQL(n int) string {
	return `INSERT INTO marks (document, policy, marked, due, expiring)
SELECT id, ?, ?, ?, 0 FROM documents WHERE +state = 'stored' AND id IN (` + placeholders(n) + `)
ON CONFLICT (document) DO NOTHING`
}

// Mark marks the documents that are Stored and have no mark. It returns how many
// those were.
func (l *Ledger) Mark(ctx context.Context, docs []int64, m Mark) (int64, error) {
	return l.changeMarks(ctx, "mark", docs, markSQL, m.Policy, m.Marked.UnixMilli(), ceilMilli(m.Due))
}

func unmarkSQL(n int) string {
	return "DELETE FROM marks WHERE +expiring = 0 AND document IN (" + placeholders(n) + ")"
}

// Unmark cancels the marks of documents that are still Stored, and returns how
// many those were.
func (l *Ledger) Unmark(ctx context.Context, docs []int64) (int64, error) {
	return l.changeMarks(ctx, "unmark", docs, unmarkSQL)
}

// changeMarks makes one change to the marks of documents, in one transaction, and
// returns how many it changed.
func (l *Ledger) changeMarks(ctx context.Context, op string, docs []int64, query func(n int) string, args ...any) (int64, error) {
	if len(docs) == 0 {
		return 0, ctx.Err()
	}
	var changed int64
	err := l.write(ctx, op, func(ctx context.Context, tx *sql.Tx) error {
		for chunk := range slices.Chunk(docs, pageRows) {
			res, err := tx.ExecContext(ctx, query(len(chunk)), append(slices.Clone(args), anys(chunk, number)...)...)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			changed += n
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return changed, nil
}

func number(id int64) int64 { return id }

const selectMarks = "SELECT document, policy, marked, due FROM marks"

func marksOfSQL(n int) string {
	return selectMarks + " WHERE document IN (" + placeholders(n) + ")"
}

// MarksOf returns the marks of those of these documents that have one, also where
// they are Expiring.
func (l *Ledger) MarksOf(ctx context.Context, docs []int64) (map[int64]Mark, error) {
	all := map[int64]Mark{}
	err := l.callSince(ctx, segmentsSince, "marks of", func() error {
		for chunk := range slices.Chunk(docs, pageRows) {
			rows, err := l.reader.QueryContext(ctx, marksOfSQL(len(chunk)), anys(chunk, number)...)
			if err != nil {
				return err
			}
			marks, err := collect(rows, 0, scanMark)
			if err != nil {
				return err
			}
			for _, m := range marks {
				all[m.ID] = m.Mark
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	return all, nil
}

// scanMark reads a mark and the id of its document.
func scanMark(rows *sql.Rows) (Marked, error) {
	var m Marked
	var marked, due int64
	if err := rows.Scan(&m.ID, &m.Mark.Policy, &marked, &due); err != nil {
		return Marked{}, err
	}
	m.Mark.Marked, m.Mark.Due = time.UnixMilli(marked).UTC(), time.UnixMilli(due).UTC()
	return m, nil
}
