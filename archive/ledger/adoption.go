package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// adoptDocumentSQL records what is not known, as it is given.
var adoptDocumentSQL = "INSERT INTO documents (" + strings.Join(documentColumns[1:], ", ") + ") VALUES (" +
	placeholders(len(documentColumns)-1) + ") ON CONFLICT (job, user_id, input_hash) DO NOTHING"

const (
	knownSQL = "SELECT id, segment, state FROM documents WHERE job = ? AND user_id = ? AND input_hash = ?"
	copySQL  = "INSERT INTO copies (document, segment) VALUES (?, ?) ON CONFLICT (document, segment) DO NOTHING"
)

// Adopted is a segment that was found in the store, whole, and its rows in their
// order, as documents that lie in it. Nothing that wasn't verified is packed: they
// are to be Verified, or they are written again when they come again.
type Adopted struct {
	Segment   Segment
	Documents []Document
}

// AdoptSegment records a segment that was found in the store, as Stored, and what
// is in it. A version that is known already stays as and where it is, and the
// segment holds a copy of it, unless it is known to lie in this very segment. One
// that was Erased is Deleting then, to be erased from the segment too.
// Where the segment is known, and Writing, it becomes Stored; where it is known
// otherwise it stays as it is: one that is Stored with other rows, size or hash is
// ErrMoved, and so is one that is to go and has a version that is not known. It
// may be repeated. It returns how many versions
// were not known.
func (l *Ledger) AdoptSegment(ctx context.Context, a Adopted) (int64, error) {
	if err := a.check(); err != nil {
		return 0, fmt.Errorf("ledger %s: adopt segment: %w", l.path, err)
	}
	var fresh int64
	err := l.write(ctx, "adopt segment", func(ctx context.Context, tx *sql.Tx) (err error) {
		s, err := beginSegment(ctx, tx, a.Segment)
		if err != nil {
			return err
		}
		switch {
		case s.State == SegmentStored && !s.sameFile(&a.Segment):
			return s.moved("its file is another one")
		case s.State == SegmentWriting:
			if _, err := tx.ExecContext(ctx, storeSegmentSQL, a.Segment.Rows, a.Segment.Size, a.Segment.SHA256[:],
				a.Segment.Created.UnixMilli(), s.ID); err != nil {
				return err
			}
			s.State = SegmentStored
		}
		if fresh, err = adoptDocuments(ctx, tx, s.ID, a.Documents); err == nil && fresh > 0 && s.State != SegmentStored {
			return s.moved(fmt.Sprintf("it is %s, and has %d documents that are not known", s.State, fresh))
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return fresh, nil
}

// check refuses what could not be found again.
func (a *Adopted) check() error {
	s := &a.Segment
	if err := s.check(); err != nil {
		return err
	}
	if s.Rows != int64(len(a.Documents)) {
		return fmt.Errorf("segment %s has %d rows, not the %d of its documents", s.Key, s.Rows, len(a.Documents))
	}
	b := Batch{Documents: a.Documents}
	if err := b.check(); err != nil {
		return fmt.Errorf("segment %s: %w", s.Key, err)
	}
	for i := range a.Documents {
		if d := &a.Documents[i]; !s.holds(d.User, d.Time) {
			return fmt.Errorf("segment %s has document %s of user %q and %s, which is not of its user and month", s.Key, d.Key, d.User, d.Time)
		}
	}
	return nil
}

// adoptDocuments records the documents of a segment, and returns how many were
// not known.
func adoptDocuments(ctx context.Context, tx *sql.Tx, segment int64, docs []Document) (fresh int64, err error) {
	var last int64
	if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM documents").Scan(&last); err != nil {
		return 0, err
	}
	insert, err := tx.PrepareContext(ctx, adoptDocumentSQL)
	if err != nil {
		return 0, err
	}
	args := make([]any, 0, len(documentColumns))
	for i := range docs {
		args = append(docs[i].appendArgs(args[:0]), segment, int64(i))
		isNew, err := changedRows(insert.ExecContext(ctx, args...))
		if err != nil {
			return 0, err
		}
		if isNew {
			fresh++
			continue
		}
		if err := adoptCopy(ctx, tx, segment, &docs[i]); err != nil {
			return 0, err
		}
	}
	_, err = tx.ExecContext(ctx, addTotalsSQL, last)
	return fresh, err
}

// adoptCopy records that a segment holds a copy of a version that lies
// elsewhere.
func adoptCopy(ctx context.Context, tx *sql.Tx, segment int64, d *Document) error {
	var id int64
	var lies sql.NullInt64
	var state State
	err := tx.QueryRowContext(ctx, knownSQL, d.Job, d.User, d.InputHash[:]).Scan(&id, &lies, &state)
	if err != nil {
		return errors.Join(fmt.Errorf("document %s", d.Key), err)
	}
	if lies.Int64 == segment {
		return nil
	}
	if state == Erased {
		if err := setState(ctx, tx, []Document{{ID: id}}, Erased, Deleting); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, copySQL, id, segment)
	return err
}
