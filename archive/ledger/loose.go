package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"iter"
	"math"
	"slices"
	"time"
)

// Month is what of a user's month lies under its own keys, as far as it is
// Stored and verified.
type Month struct {
	User      string
	First     time.Time // its first instant, in UTC
	Documents int64
	Bytes     int64
}

// What an older schema has nothing of; see asOf.
const (
	andLoose    = " AND segment IS NULL"
	andUnmarked = " AND NOT EXISTS (SELECT 1 FROM marks WHERE document = documents.id)"
)

const (
	nextUserSQL  = "SELECT user_id, time FROM documents WHERE state = 'stored' AND user_id > ? ORDER BY user_id, time LIMIT 1"
	nextMonthSQL = "SELECT user_id, time FROM documents WHERE state = 'stored' AND user_id = ? AND time >= ? ORDER BY time LIMIT 1"

	ofMonth = " FROM documents WHERE state = 'stored' AND user_id = ? AND time >= ? AND time < ?"

	// packedMonthSQL tells whether all of a month lies in segments, from indexes
	// alone: a segment has nothing of another month.
	packedMonthSQL = "SELECT (SELECT count(*)" + ofMonth + `) = (SELECT count(*) FROM documents
WHERE state = 'stored' AND segment IN (SELECT id FROM segments WHERE user_id = ? AND month = ?))`

	andReady      = " AND verified = 1" + andLoose
	looseMonthSQL = "SELECT count(*), coalesce(sum(size), 0)" + ofMonth + andReady
	looseIDsSQL   = "SELECT id" + ofMonth + andReady + andUnmarked + " ORDER BY recipe, time, job, key, id"
)

func looseSQL(n int) string {
	return selectDocuments + andReady + andUnmarked + " AND id IN (" + placeholders(n) + ")"
}

// LooseMonths yields the months, of one user or of all where user is empty, of
// which something lies under its own key: by user, oldest first. It looks at a
// user's month at a time.
func (l *Ledger) LooseMonths(ctx context.Context, user string) iter.Seq2[Month, error] {
	return func(yield func(Month, error) bool) {
		next, from := user, int64(math.MinInt64)
		for {
			m, err := l.nextMonth(ctx, next, from, user != "")
			if errors.Is(err, sql.ErrNoRows) {
				return
			}
			if err != nil {
				yield(Month{}, err)
				return
			}
			if m.Documents > 0 && !yield(m, nil) {
				return
			}
			next, from = m.User, m.end()
		}
	}
}

// nextMonth returns the first month of a user that has documents of the time from
// or later, or else of the next user unless it is for one alone; with what of it is
// loose. It is sql.ErrNoRows where there is none.
func (l *Ledger) nextMonth(ctx context.Context, user string, from int64, one bool) (m Month, err error) {
	err = l.call("loose months", func() error {
		if m, err = l.monthIn(ctx, nextMonthSQL, user, from); errors.Is(err, sql.ErrNoRows) && !one {
			m, err = l.monthIn(ctx, nextUserSQL, user)
		}
		if err != nil {
			return err
		}
		return l.countLoose(ctx, &m)
	})
	return m, err
}

func (l *Ledger) monthIn(ctx context.Context, query string, args ...any) (m Month, err error) {
	var at int64
	err = l.reader.QueryRowContext(ctx, query, args...).Scan(&m.User, &at)
	first := time.UnixMilli(at).UTC()
	m.First = time.Date(first.Year(), first.Month(), 1, 0, 0, 0, 0, time.UTC)
	return m, err
}

// countLoose sets what of a month is loose.
func (l *Ledger) countLoose(ctx context.Context, m *Month) error {
	has, err := l.has(ctx, segmentsSince)
	if err != nil {
		return err
	}
	if has {
		var packed bool
		err := l.reader.QueryRowContext(ctx, packedMonthSQL, m.User, m.start(), m.end(), m.User, m.start()).Scan(&packed)
		if err != nil || packed {
			return err
		}
	}
	query, err := l.asOf(ctx, looseMonthSQL)
	if err != nil {
		return err
	}
	return l.reader.QueryRowContext(ctx, query, m.User, m.start(), m.end()).Scan(&m.Documents, &m.Bytes)
}

func (m *Month) start() int64 { return m.First.UnixMilli() }

func (m *Month) end() int64 { return m.First.AddDate(0, 1, 0).UnixMilli() }

// Loose yields the documents of a user's month that are Stored, verified, lie
// under their own keys and are not marked to expire, in the order of a segment: by
// recipe, time, job and key, each in byte order. It holds their ids, 8 bytes
// each, and reads the rest page by page; a document that is Stored there no more
// when its page is read is left out.
func (l *Ledger) Loose(ctx context.Context, m Month) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		ids, err := l.looseIDs(ctx, m)
		if err != nil {
			yield(Document{}, err)
			return
		}
		for page := range slices.Chunk(ids, l.page) {
			docs, err := l.loosePage(ctx, page)
			if err != nil {
				yield(Document{}, err)
				return
			}
			for _, d := range docs {
				if !yield(d, nil) {
					return
				}
			}
		}
	}
}

// looseIDs has SQLite sort in files, which it does once that is worth it, where all
// other queries sort nothing, or little, in memory.
func (l *Ledger) looseIDs(ctx context.Context, m Month) (ids []int64, err error) {
	err = l.apart("loose", func(db *sql.DB) error {
		if _, err := db.ExecContext(ctx, "PRAGMA temp_store = file"); err != nil {
			return err
		}
		query, err := l.asOf(ctx, looseIDsSQL)
		if err != nil {
			return err
		}
		rows, err := db.QueryContext(ctx, query, m.User, m.start(), m.end())
		if err != nil {
			return err
		}
		ids, err = collect(rows, int(m.Documents), func(rows *sql.Rows) (id int64, err error) {
			err = rows.Scan(&id)
			return id, err
		})
		return err
	})
	return ids, err
}

// loosePage returns what is still loose of documents, in the order of their ids
// here.
func (l *Ledger) loosePage(ctx context.Context, ids []int64) (docs []Document, err error) {
	err = l.call("loose", func() (err error) {
		docs, err = l.documents(ctx, looseSQL(len(ids)), anys(ids, itself), len(ids))
		return err
	})
	place := make(map[int64]int, len(ids))
	for i, id := range ids {
		place[id] = i
	}
	slices.SortFunc(docs, func(a, b Document) int { return cmp.Compare(place[a.ID], place[b.ID]) })
	return docs, err
}
