package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// SegmentState says what became of a segment.
type SegmentState string

// The states of a segment. One that is gone has no row.
const (
	SegmentWriting  SegmentState = "writing"  // it may be in the store, and nothing lies in it
	SegmentStored   SegmentState = "stored"   // it is in the store, whole
	SegmentReplaced SegmentState = "replaced" // nothing that is Stored lies in it; it goes when it is due
	SegmentDeleting SegmentState = "deleting" // its object may already be gone
)

// Segment is a Parquet file that holds documents of one user.
type Segment struct {
	ID      int64 // set by the ledger; none is given out twice
	Key     string
	User    string
	Month   time.Time // the first instant of the one that its documents are of
	State   SegmentState
	Rows    int64
	Size    int64     // of the file
	SHA256  Hash      // of the file
	Created time.Time // when it was begun, and once it is Stored, since when the last came to lie in it
	Due     time.Time // of a Replaced one: when it may go
}

// ErrMoved says that something is not, or no longer, where or what the caller
// takes it for: it was moved, deleted, replaced or put on hold meanwhile.
// Nothing was changed. Whoever gets it looks again.
var ErrMoved = errors.New("changed meanwhile")

// SegmentQuery selects segments. Zero fields select everything.
type SegmentQuery struct {
	User   string
	Month  time.Time
	Key    string
	States []SegmentState

	Empty  bool // only those in which nothing Stored lies
	Inputs bool // only those that have inputs; see ClaimInputs
}

const (
	segmentColumns = "id, key, user_id, month, state, n_rows, size, sha256, created, due"
	selectSegments = "SELECT " + segmentColumns + " FROM segments"
	segmentSQL     = selectSegments + " WHERE id = ?"
	segmentAtSQL   = selectSegments + " WHERE key = ?"
)

// Segments returns what q selects, in the order of recording. There are a dozen
// a user and year.
func (l *Ledger) Segments(ctx context.Context, q SegmentQuery) ([]Segment, error) {
	query, args := q.statement()
	return l.segments(ctx, "segments", query, args)
}

func (l *Ledger) segments(ctx context.Context, op, query string, args []any) (all []Segment, err error) {
	err = l.callSince(ctx, segmentsSince, op, func() error {
		rows, err := l.reader.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		all, err = collect(rows, 0, func(rows *sql.Rows) (s Segment, err error) {
			err = s.scan(rows)
			return s, err
		})
		return err
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	return all, nil
}

func (q *SegmentQuery) statement() (string, []any) {
	var b strings.Builder
	var args []any
	b.WriteString(selectSegments + " WHERE 1 = 1")
	where := func(condition string, values ...any) {
		b.WriteString(" AND " + condition)
		args = append(args, values...)
	}
	if q.Key != "" {
		where("key = ?", q.Key)
	}
	if q.User != "" {
		where("user_id = ?", q.User)
	}
	if !q.Month.IsZero() {
		where("month = ?", q.Month.UnixMilli())
	}
	if len(q.States) > 0 {
		where("state IN ("+placeholders(len(q.States))+")", anys(q.States, func(s SegmentState) string { return string(s) })...)
	}
	if q.Empty {
		where("NOT EXISTS (SELECT 1 FROM documents WHERE segment = segments.id AND +state = 'stored')")
	}
	if q.Inputs {
		where("EXISTS (SELECT 1 FROM inputs WHERE segment = segments.id)")
	}
	return b.String() + " ORDER BY id", args
}

// Segment returns a segment; fs.ErrNotExist where it is gone.
func (l *Ledger) Segment(ctx context.Context, id int64) (Segment, error) {
	var s Segment
	err := l.callSince(ctx, segmentsSince, "segment", func() error {
		return s.scan(l.reader.QueryRowContext(ctx, segmentSQL, id))
	})
	if err != nil {
		return Segment{}, notFound(err, "segment", id)
	}
	return s, nil
}

func (s *Segment) scan(row scanner) error {
	var month, created int64
	var sum []byte
	var due sql.NullInt64
	if err := row.Scan(&s.ID, &s.Key, &s.User, &month, &s.State, &s.Rows, &s.Size, &sum, &created, &due); err != nil {
		return err
	}
	s.Month, s.Created = time.UnixMilli(month).UTC(), time.UnixMilli(created).UTC()
	s.Due = fromInstant(due)
	return s.SHA256.set(sum)
}

// holds tells whether a document of this user and time belongs into the segment.
func (s *Segment) holds(user string, at time.Time) bool {
	return user == s.User && !at.Before(s.Month) && at.Before(s.Month.AddDate(0, 1, 0))
}

func (s *Segment) sameFile(other *Segment) bool {
	return s.Rows == other.Rows && s.Size == other.Size && s.SHA256 == other.SHA256
}

// moved is ErrMoved for something about a segment.
func (s *Segment) moved(reason string) error {
	return fmt.Errorf("segment %s: %w: %s", s.Key, ErrMoved, reason)
}
