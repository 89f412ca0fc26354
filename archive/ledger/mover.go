package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	storeSegmentSQL = `UPDATE segments SET state = 'stored', n_rows = ?, size = ?, sha256 = ?, created = ?
WHERE id = ? AND state = 'writing'`
	againSegmentSQL   = "UPDATE segments SET created = ? WHERE id = ? AND created < ?"
	replaceSegmentSQL = "UPDATE segments SET state = 'replaced', due = ? WHERE id = ? AND state = 'stored'"
	storedInSQL       = "SELECT count(*) FROM documents WHERE segment = ? AND state = 'stored'"

	moveInSQL = "UPDATE documents SET segment = ?, segment_row = ? WHERE id = ?"
	inputSQL  = `INSERT INTO inputs (document, segment, claimed) VALUES (?, ?, NULL)
ON CONFLICT (document) DO UPDATE SET segment = excluded.segment, claimed = NULL`

	// What lies in a segment takes its input along, and is no copy there.
	moveInputsSQL = "UPDATE inputs SET segment = ? WHERE document IN (SELECT id FROM documents WHERE segment = ?)"
	uncopySQL     = "DELETE FROM copies WHERE segment = ? AND document IN (SELECT id FROM documents WHERE segment = ?)"
)

// mover moves documents into segments, within a transaction.
type mover struct {
	tx    *sql.Tx
	old   map[int64]Segment
	holds activeHolds
	done  error // of an old segment that was replaced already: nothing may be moved
	moved bool  // something was, into the last segment

	moveIn, input *sql.Stmt
}

func newMover(ctx context.Context, tx *sql.Tx, old []int64) (*mover, error) {
	m := &mover{tx: tx, old: map[int64]Segment{}}
	for _, id := range old {
		s, err := segmentIn(ctx, tx, id)
		if errors.Is(err, ErrMoved) {
			m.done = err
			continue
		}
		if err != nil {
			return nil, err
		}
		switch s.State {
		case SegmentStored:
		case SegmentWriting:
			return nil, s.moved("it is writing")
		default:
			m.done = s.moved("it is " + string(s.State))
		}
		m.old[id] = s
	}
	var err error
	if m.holds, err = loadHolds(ctx, tx); err != nil {
		return nil, err
	}
	if m.moveIn, err = tx.PrepareContext(ctx, moveInSQL); err != nil {
		return nil, err
	}
	m.input, err = tx.PrepareContext(ctx, inputSQL)
	return m, err
}

// segmentIn returns a segment; ErrMoved where it is gone.
func segmentIn(ctx context.Context, tx *sql.Tx, id int64) (s Segment, err error) {
	err = s.scan(tx.QueryRowContext(ctx, segmentSQL, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Segment{}, fmt.Errorf("segment %d: %w: it is gone", id, ErrMoved)
	}
	return s, err
}

// pack makes a segment Stored, and has its documents lie in it.
func (m *mover) pack(ctx context.Context, p *Packed, at time.Time) error {
	s, err := m.store(ctx, &p.Segment, at)
	if err != nil {
		return err
	}
	row := int64(0)
	m.moved = false
	for ids := range slices.Chunk(p.Documents, pageRows) {
		found, err := m.find(ctx, ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			d, ok := found[id]
			if !ok {
				return fmt.Errorf("document %d: %w: there is none", id, ErrMoved)
			}
			if err := m.move(ctx, &s, &d, row); err != nil {
				return err
			}
			row++
		}
	}
	if s.State == SegmentStored && m.moved { // the grace of what it had before is over, of this it isn't
		if _, err := m.tx.ExecContext(ctx, againSegmentSQL, at.UnixMilli(), s.ID, at.UnixMilli()); err != nil {
			return err
		}
	}
	for _, query := range []string{moveInputsSQL, uncopySQL} {
		if _, err := m.tx.ExecContext(ctx, query, s.ID, s.ID); err != nil {
			return err
		}
	}
	return nil
}

// store makes a segment Stored, and returns it as the ledger has it.
func (m *mover) store(ctx context.Context, want *Segment, at time.Time) (Segment, error) {
	s, err := segmentIn(ctx, m.tx, want.ID)
	switch {
	case err != nil:
		return Segment{}, err
	case s.Key != want.Key:
		return Segment{}, s.moved("it is not " + want.Key)
	case s.State == SegmentStored && !s.sameFile(want):
		return Segment{}, s.moved("its file is another one")
	case s.State == SegmentStored:
		return s, nil
	case s.State != SegmentWriting:
		return Segment{}, s.moved("it is " + string(s.State))
	}
	_, err = m.tx.ExecContext(ctx, storeSegmentSQL, want.Rows, want.Size, want.SHA256[:], at.UnixMilli(), s.ID)
	return s, err
}

func findMovedSQL(n int) string {
	return "SELECT id, state, segment, segment_row, user_id, time, recipe, job, status, kind, key FROM documents WHERE id IN (" +
		placeholders(n) + ")"
}

// find returns documents by their ids, as far as it matters where they lie and
// what holds them.
func (m *mover) find(ctx context.Context, ids []int64) (map[int64]Document, error) {
	rows, err := m.tx.QueryContext(ctx, findMovedSQL(len(ids)), anys(ids, itself)...)
	if err != nil {
		return nil, err
	}
	docs, err := collect(rows, len(ids), func(rows *sql.Rows) (d Document, err error) {
		var at int64
		var segment, row sql.NullInt64
		err = rows.Scan(&d.ID, &d.State, &segment, &row, &d.User, &at, &d.Recipe, &d.Job, &d.Status, &d.Kind, &d.Key)
		d.Segment, d.SegmentRow, d.Time = segment.Int64, row.Int64, time.UnixMilli(at).UTC()
		return d, err
	})
	if err != nil {
		return nil, err
	}
	byID := make(map[int64]Document, len(docs))
	for _, d := range docs {
		byID[d.ID] = d
	}
	return byID, nil
}

// move has d lie in s, at a row.
func (m *mover) move(ctx context.Context, s *Segment, d *Document, row int64) error {
	_, ofOld := m.old[d.Segment]
	switch {
	case d.State != Stored:
		return d.moved("it is " + string(d.State))
	case d.Segment == s.ID && d.SegmentRow == row:
		return nil
	case m.done != nil:
		return m.done
	case d.Segment != 0 && !ofOld:
		return d.moved(fmt.Sprintf("it lies in segment %d, at row %d", d.Segment, d.SegmentRow))
	case !s.holds(d.User, d.Time):
		return fmt.Errorf("document %s of %s is not of the user and month of segment %s", d.Key, d.Time, s.Key)
	}
	if d.Segment == 0 {
		if m.holds.match(d) {
			return d.moved("it is held")
		}
		if _, err := m.input.ExecContext(ctx, d.ID, s.ID); err != nil {
			return err
		}
	}
	m.moved = true
	_, err := m.moveIn.ExecContext(ctx, s.ID, row, d.ID)
	return err
}

// moved is ErrMoved for something about a document.
func (d *Document) moved(reason string) error {
	return fmt.Errorf("document %s: %w: %s", d.Key, ErrMoved, reason)
}

// replace makes the old segments Replaced, in which nothing Stored may be left.
func (m *mover) replace(ctx context.Context, old []int64, due time.Time) error {
	for _, id := range old {
		s, is := m.old[id]
		if !is {
			continue
		}
		var left int64
		if err := m.tx.QueryRowContext(ctx, storedInSQL, id).Scan(&left); err != nil {
			return err
		}
		if left > 0 {
			return s.moved(fmt.Sprintf("%d documents still lie in it", left))
		}
		if _, err := m.tx.ExecContext(ctx, replaceSegmentSQL, due.UnixMilli(), id); err != nil {
			return err
		}
	}
	return nil
}
