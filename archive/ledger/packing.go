package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

const (
	// nextSegmentSQL keeps the ids of segments that are gone from being given out
	// again: somebody may still take the other for it.
	nextSegmentSQL = `INSERT INTO meta (name, value) VALUES ('last segment', '1')
ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(meta.value AS BIGINT) + 1 AS TEXT)
RETURNING value`

	insertSegmentSQL = "INSERT INTO segments (" + segmentColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)"
)

// BeginSegment records that s is about to be put, as Writing, before anything of
// it is in the store. Where its key is Writing or Stored already it returns that
// one: the same documents make the same key. It is ErrMoved where the key is of a
// segment that is to go; later, when that is gone, it may be begun.
func (l *Ledger) BeginSegment(ctx context.Context, s Segment) (Segment, error) {
	if err := s.check(); err != nil {
		return Segment{}, fmt.Errorf("ledger %s: begin segment: %w", l.path, err)
	}
	var got Segment
	err := l.write(ctx, "begin segment", func(ctx context.Context, tx *sql.Tx) (err error) {
		got, err = beginSegment(ctx, tx, s)
		if err == nil && got.State != SegmentWriting && got.State != SegmentStored {
			return got.moved("it is " + string(got.State))
		}
		return err
	})
	if err != nil {
		return Segment{}, err
	}
	return got, nil
}

// check refuses what could not be found again.
func (s *Segment) check() error {
	month := s.Month.UTC()
	switch {
	case s.Key == "", s.User == "":
		return fmt.Errorf("segment %q of user %q: neither may be empty", s.Key, s.User)
	case !month.Equal(time.Date(month.Year(), month.Month(), 1, 0, 0, 0, 0, time.UTC)):
		return fmt.Errorf("segment %s: %s is not when a month begins", s.Key, s.Month)
	}
	return nil
}

// beginSegment returns the segment that has the key of s, whatever its state, or
// records s as Writing.
func beginSegment(ctx context.Context, tx *sql.Tx, s Segment) (Segment, error) {
	var have Segment
	err := have.scan(tx.QueryRowContext(ctx, segmentAtSQL, s.Key))
	if !errors.Is(err, sql.ErrNoRows) {
		return have, err
	}
	var next string
	if err := tx.QueryRowContext(ctx, nextSegmentSQL).Scan(&next); err != nil {
		return Segment{}, err
	}
	if s.ID, err = strconv.ParseInt(next, 10, 64); err != nil {
		return Segment{}, fmt.Errorf("%w: the last segment is %q", ErrDamaged, next)
	}
	if _, err := tx.ExecContext(ctx, insertSegmentSQL, s.ID, s.Key, s.User, s.Month.UnixMilli(), string(SegmentWriting),
		s.Rows, s.Size, s.SHA256[:], s.Created.UnixMilli()); err != nil {
		return Segment{}, err
	}
	err = have.scan(tx.QueryRowContext(ctx, segmentSQL, s.ID))
	return have, err
}

// Packed is a segment that is in the store, whole, and which documents its rows
// are: the ID of that of row i is Documents[i].
type Packed struct {
	Segment   Segment
	Documents []int64
}

// CommitSegments records, in one transaction, that documents lie in new segments
// from now on, at the time at. Each is Stored, and lies in one of the old
// segments, or under its own key; then no hold may match it, and its object is
// from now on an input (see ClaimInputs) of its new segment. Every Stored document
// of the old segments must be in one of the new ones. The old ones become
// Replaced, due at the time due; what lies in them then is what is to go. The
// new ones become Stored, with the rows, the size and the hash that they are given
// with.
//
// Where anything of this is not so, or a new segment is not Writing or Stored, it
// is ErrMoved. Without new ones, old segments without Stored documents are
// replaced by nothing. One that is both old and new stays: the same documents make
// the same key. It may be repeated: a document that lies where it is to lie stays
// there.
func (l *Ledger) CommitSegments(ctx context.Context, packed []Packed, old []int64, at, due time.Time) error {
	if err := checkPacked(packed); err != nil {
		return fmt.Errorf("ledger %s: commit segments: %w", l.path, err)
	}
	return l.write(ctx, "commit segments", func(ctx context.Context, tx *sql.Tx) error {
		old := slices.DeleteFunc(slices.Clone(old), func(id int64) bool {
			return slices.ContainsFunc(packed, func(p Packed) bool { return p.Segment.ID == id })
		})
		m, err := newMover(ctx, tx, old)
		if err != nil {
			return err
		}
		for i := range packed {
			if err := m.pack(ctx, &packed[i], at); err != nil {
				return err
			}
		}
		return m.replace(ctx, old, due)
	})
}

// checkPacked refuses what can't be so, whatever the ledger has.
func checkPacked(packed []Packed) error {
	seen := map[int64]bool{}
	for i := range packed {
		p := &packed[i]
		switch {
		case p.Segment.Rows == 0:
			return fmt.Errorf("segment %s has no rows", p.Segment.Key)
		case p.Segment.Rows != int64(len(p.Documents)):
			return fmt.Errorf("segment %s has %d rows, not the %d of its documents", p.Segment.Key, p.Segment.Rows, len(p.Documents))
		}
		for _, id := range p.Documents {
			if seen[id] {
				return fmt.Errorf("segment %s has document %d, which is in another row too", p.Segment.Key, id)
			}
			seen[id] = true
		}
	}
	return nil
}
