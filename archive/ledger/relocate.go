package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Relocation is that a document lies somewhere else than where the ledger says.
type Relocation struct {
	Document Document // as the ledger was seen to have it
	Segment  int64    // 0: it lies under its own key
	Row      int64    // of the segment
}

const (
	relocateSQL = `UPDATE documents SET segment = ?, segment_row = ?
WHERE id = ? AND +state = 'stored' AND coalesce(segment, 0) = ? AND coalesce(segment_row, 0) = ?
  AND coalesce(sha256, input_hash) = ?`

	beingRemovedSQL = "SELECT count(*) FROM inputs WHERE document = ? AND claimed IS NOT NULL"
	restoreSQL      = "UPDATE segments SET state = 'stored', due = NULL WHERE id = ? AND state = 'replaced'"
	stillCopySQL    = `INSERT INTO copies (document, segment) SELECT ?, id FROM segments WHERE id = ?
ON CONFLICT (document, segment) DO NOTHING`
	noCopySQL = "DELETE FROM copies WHERE document = ? AND segment = ?"
)

// Relocate records that documents lie elsewhere, where the caller has read and
// compared them since they aren't where the ledger says: under their own keys, or in
// Stored or Replaced segments of their users and months; a Replaced one is Stored
// again then. The segment that one was in counts as one with a copy, and its own
// object, if there is any, as an input. What is no longer as the caller has seen it,
// whose object is being removed as an input, or whose segment is to go, stays as
// it is. It returns what was changed.
func (l *Ledger) Relocate(ctx context.Context, moves []Relocation) (moved []Relocation, err error) {
	if len(moves) == 0 {
		return nil, ctx.Err()
	}
	err = l.write(ctx, "relocate", func(ctx context.Context, tx *sql.Tx) error {
		moved = nil
		for i := range moves {
			did, err := relocate(ctx, tx, &moves[i])
			if err != nil {
				return fmt.Errorf("document %s: %w", moves[i].Document.Key, err)
			}
			if did {
				moved = append(moved, moves[i])
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return moved, nil
}

func relocate(ctx context.Context, tx *sql.Tx, m *Relocation) (bool, error) {
	d := &m.Document
	if d.Segment == m.Segment && d.SegmentRow == m.Row {
		return false, nil
	}
	var segment, row any
	if m.Segment == 0 {
		var removed int
		if err := tx.QueryRowContext(ctx, beingRemovedSQL, d.ID).Scan(&removed); err != nil || removed > 0 {
			return false, err
		}
	} else {
		s, err := segmentIn(ctx, tx, m.Segment)
		if errors.Is(err, ErrMoved) || err == nil && s.State != SegmentStored && s.State != SegmentReplaced {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if !s.holds(d.User, d.Time) || m.Row < 0 || m.Row >= s.Rows {
			return false, fmt.Errorf("row %d of segment %s can't be it", m.Row, s.Key)
		}
		segment, row = m.Segment, m.Row
	}
	did, err := changedRows(tx.ExecContext(ctx, relocateSQL, segment, row, d.ID, d.Segment, d.SegmentRow, d.SHA256[:]))
	if err != nil || !did {
		return false, err
	}
	return true, relocated(ctx, tx, m)
}

// relocated has inputs, copies and segments follow a document that was relocated.
func relocated(ctx context.Context, tx *sql.Tx, m *Relocation) error {
	id := m.Document.ID
	type step struct {
		query string
		args  []any
	}
	steps := []step{{noCopySQL, []any{id, m.Segment}}, {restoreSQL, []any{m.Segment}}}
	switch {
	case m.Segment == 0:
		steps = append(steps, step{dropInputSQL, []any{id}})
	case m.Document.Segment == 0:
		steps = append(steps, step{inputSQL, []any{id, m.Segment}})
	default:
		steps = append(steps, step{"UPDATE inputs SET segment = ? WHERE document = ?", []any{m.Segment, id}})
	}
	if old := m.Document.Segment; old != 0 && old != m.Segment {
		steps = append(steps, step{stillCopySQL, []any{id, old}})
	}
	for _, s := range steps {
		if _, err := tx.ExecContext(ctx, s.query, s.args...); err != nil {
			return err
		}
	}
	return nil
}

// Recount counts all documents again, and corrects what Counts would tell. It
// returns what was wrong.
func (l *Ledger) Recount(ctx context.Context) (wrong []Drift, err error) {
	err = l.write(ctx, "recount", func(ctx context.Context, tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, driftSQL)
		if err != nil {
			return err
		}
		if wrong, err = collect(rows, 0, scanDrift); err != nil || len(wrong) == 0 {
			return err
		}
		for _, query := range []string{
			"DELETE FROM totals",
			"INSERT INTO totals (kind, state, documents, bytes) SELECT kind, state, count(*), sum(size) FROM documents GROUP BY kind, state",
		} {
			if _, err := tx.ExecContext(ctx, query); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return wrong, nil
}

func scanDrift(rows *sql.Rows) (d Drift, err error) {
	err = rows.Scan(&d.Kind, &d.State, &d.Counted, &d.CountedBytes, &d.Documents, &d.BytesOfDocuments)
	return d, err
}
