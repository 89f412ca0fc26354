package ledger

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"
)

// QuarantineQuery selects quarantined records. Zero fields select everything.
type QuarantineQuery struct {
	States []QuarantineState
	Source string
	IDs    []int64
	Limit  int   // 0: no limit
	After  int64 // only ids above it
}

// Quarantine yields the quarantined records that q selects, in the order of
// recording. It reads page by page, as Documents does. The first error ends it.
func (l *Ledger) Quarantine(ctx context.Context, q QuarantineQuery) iter.Seq2[Quarantined, error] {
	return func(yield func(Quarantined, error) bool) {
		// So many ids as one statement can name.
		for ids := range chunks(q.IDs, l.page) {
			part := q
			part.IDs = ids
			for record, err := range l.quarantine(ctx, part) {
				if !yield(record, err) || err != nil {
					return
				}
				q.Limit-- // never 0 again where there was no limit
				if q.Limit == 0 {
					return
				}
			}
		}
	}
}

// chunks yields ids sorted and without repetition, at most n at a time; nil
// once where there are none.
func chunks(ids []int64, n int) iter.Seq[[]int64] {
	if len(ids) == 0 {
		return func(yield func([]int64) bool) { yield(nil) }
	}
	return slices.Chunk(slices.Compact(slices.Sorted(slices.Values(ids))), n)
}

func (l *Ledger) quarantine(ctx context.Context, q QuarantineQuery) iter.Seq2[Quarantined, error] {
	return func(yield func(Quarantined, error) bool) {
		for {
			page, err := l.quarantinePage(ctx, q)
			if err != nil {
				yield(Quarantined{}, err)
				return
			}
			for _, record := range page {
				if !yield(record, nil) {
					return
				}
			}
			if len(page) < l.page {
				return
			}
			q.After = page[len(page)-1].ID
		}
	}
}

func (l *Ledger) quarantinePage(ctx context.Context, q QuarantineQuery) (page []Quarantined, err error) {
	query, args := q.statement(l.page)
	err = l.call("quarantine", func() error {
		rows, err := l.reader.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		page, err = collect(rows, 0, scanQuarantined)
		return err
	})
	return page, err
}

func (q *QuarantineQuery) statement(limit int) (string, []any) {
	var b strings.Builder
	b.WriteString(`SELECT id, source, part, byte_offset, sha256, size, key, reason, quarantined_at, state
FROM quarantined WHERE id > ?`)
	args := []any{q.After}
	if len(q.States) > 0 {
		b.WriteString(" AND state IN (" + placeholders(len(q.States)) + ")")
		for _, s := range q.States {
			args = append(args, string(s))
		}
	}
	if q.Source != "" {
		b.WriteString(" AND source = ?")
		args = append(args, q.Source)
	}
	if len(q.IDs) > 0 {
		b.WriteString(" AND id IN (" + placeholders(len(q.IDs)) + ")")
		for _, id := range q.IDs {
			args = append(args, id)
		}
	}
	b.WriteString(" ORDER BY id LIMIT ?")
	return b.String(), append(args, limit)
}

func scanQuarantined(rows *sql.Rows) (Quarantined, error) {
	var q Quarantined
	var sum sql.RawBytes
	var at int64
	if err := rows.Scan(&q.ID, &q.Source, &q.Part, &q.Offset, &sum, &q.Size, &q.Key, &q.Reason, &at, &q.State); err != nil {
		return Quarantined{}, err
	}
	q.At = time.UnixMilli(at).UTC()
	return q, q.SHA256.set(sum)
}

const quarantineStateSQL = "SELECT state FROM quarantined WHERE key = ?"

// QuarantineState returns the state of the quarantined record whose raw bytes
// belong at key, "" where there is none.
func (l *Ledger) QuarantineState(ctx context.Context, key string) (state QuarantineState, err error) {
	err = l.call("quarantine state", func() error {
		err := l.reader.QueryRowContext(ctx, quarantineStateSQL, key).Scan(&state)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return state, err
}

// SetQuarantine changes the state of those of the records called ids that are
// in the state from, in one transaction, and returns how many were.
func (l *Ledger) SetQuarantine(ctx context.Context, from, to QuarantineState, ids ...int64) (int, error) {
	if len(ids) == 0 {
		return 0, ctx.Err()
	}
	changed := 0
	err := l.write(ctx, "set quarantine", func(ctx context.Context, tx *sql.Tx) error {
		for part := range chunks(ids, pageRows) {
			args := []any{string(to), string(from)}
			for _, id := range part {
				args = append(args, id)
			}
			res, err := tx.ExecContext(ctx, "UPDATE quarantined SET state = ? WHERE state = ? AND id IN ("+placeholders(len(part))+")", args...)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			changed += int(n)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return changed, nil
}
