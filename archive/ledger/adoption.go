package ledger

import (
	"context"
	"database/sql"
	"fmt"
)

const copySQL = "INSERT INTO copies (document, segment) VALUES (?, ?) ON CONFLICT (document, segment) DO NOTHING"

// knownSQL tells where a version lies and what became of it.
const knownSQL = "SELECT segment, state FROM documents WHERE id = ?"

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
	var runs *jobRuns
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
		if fresh, runs, err = l.adoptDocuments(ctx, tx, s.ID, a.Documents); err == nil && fresh > 0 && s.State != SegmentStored {
			return s.moved(fmt.Sprintf("it is %s, and has %d documents that are not known", s.State, fresh))
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	l.jobs.keep(runs)
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
// not known, and the index of jobs as it is once the transaction has taken effect.
func (l *Ledger) adoptDocuments(ctx context.Context, tx *sql.Tx, segment int64, docs []Document) (int64, *jobRuns, error) {
	r, err := l.recorder(ctx, tx, docs)
	if err != nil {
		return 0, nil, err
	}
	for i := range docs {
		d := &docs[i]
		if id := r.knownAs(i, d); id != 0 {
			if err := adoptCopy(ctx, tx, segment, id); err != nil {
				return 0, nil, fmt.Errorf("document %s: %w", d.Key, err)
			}
			continue
		}
		r.add(i, d, segment, int64(i))
	}
	runs, err := r.insert(ctx)
	return int64(len(r.fresh)), runs, err
}

// adoptCopy records that a segment holds a copy of a version that lies
// elsewhere.
func adoptCopy(ctx context.Context, tx *sql.Tx, segment, id int64) error {
	var lies sql.NullInt64
	var state State
	if err := tx.QueryRowContext(ctx, knownSQL, id).Scan(&lies, &state); err != nil {
		return err
	}
	if lies.Int64 == segment {
		return nil
	}
	if state == Erased {
		if err := setState(ctx, tx, []Document{{ID: id}}, Erased, Deleting); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, copySQL, id, segment)
	return err
}
