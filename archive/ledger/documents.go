package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// pageRows is how many rows a listing reads at once.
const pageRows = 1000

// Documents yields the Stored documents that q selects, newest first (by Time,
// then by ID). Statuses are compared without regard to the case of ASCII
// letters. The first error ends it.
//
// It reads page by page and holds nothing in between, so that a consumer may
// take its time. Documents that are committed meanwhile appear where their
// place is still ahead; none appears twice, and none is left out that was
// there at the start and is still Stored.
func (l *Ledger) Documents(ctx context.Context, q Query) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		if err := q.check(); err != nil {
			yield(Document{}, fmt.Errorf("ledger %s: documents: %w", l.path, err))
			return
		}
		left := q.Limit
		for {
			n := l.page
			if q.Limit > 0 {
				n = min(n, left)
			}
			page, err := l.documentsPage(ctx, q, n)
			if err != nil {
				yield(Document{}, err)
				return
			}
			for _, d := range page {
				if !yield(d, nil) {
					return
				}
			}
			left -= len(page)
			if len(page) < n || q.Limit > 0 && left == 0 {
				return
			}
			end := page[len(page)-1]
			q.After = &Position{Time: end.Time, ID: end.ID}
		}
	}
}

// documentsPage returns the first n documents of q. Those of the very
// millisecond of q.After have a query of their own: there may be very many
// (old keys name days), and no database finds a place among them by an index
// when time and id are compared at once.
func (l *Ledger) documentsPage(ctx context.Context, q Query, n int) (page []Document, err error) {
	err = l.call("documents", func() error {
		of, err := l.ofJobOf(ctx, &q)
		if err != nil {
			return err
		}
		if q.After != nil {
			query, args := q.statement(of, ties, n)
			if page, err = l.documents(ctx, query, args, n); err != nil || len(page) == n {
				return err
			}
		}
		query, args := q.statement(of, others, n-len(page))
		rest, err := l.documents(ctx, query, args, n-len(page))
		page = append(page, rest...)
		return err
	})
	return page, err
}

// ofJobOf is ofJob for the job of a query, if it is about one.
func (l *Ledger) ofJobOf(ctx context.Context, q *Query) (ofJob, error) {
	if q.Job == "" {
		return ofJob{}, nil
	}
	return l.ofJob(ctx, q.Job)
}

// ByJob returns all Stored versions of a job, in the order of recording. Where
// user is empty they may be of several users.
func (l *Ledger) ByJob(ctx context.Context, user, job string) ([]Document, error) {
	return l.allOfJob(ctx, "by job", selectDocuments+" AND ", Ref{user, job})
}

// allOfJob returns what a query selects that is of a job, and of a user unless that
// is empty, in the order of recording.
func (l *Ledger) allOfJob(ctx context.Context, op, query string, ref Ref) ([]Document, error) {
	var all []Document
	err := l.call(op, func() error {
		of, err := l.ofJob(ctx, ref.Job)
		if err != nil {
			return err
		}
		query, args := of.statement(query, ref.User)
		all, err = l.documents(ctx, query, args, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// statement goes on with a query: what it selects of the job, and of a user unless
// that is empty.
func (of ofJob) statement(query, user string) (string, []any) {
	// Nobody is to walk through the rows in their order, or through a user's: the
	// plus keeps the database from it.
	query, args := query+of.condition, slices.Clone(of.args)
	if user != "" {
		query, args = query+" AND +user_id = ?", append(args, user)
	}
	return query + " ORDER BY +id", args
}

func (l *Ledger) documents(ctx context.Context, query string, args []any, capacity int) ([]Document, error) {
	query, err := l.asOf(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := l.reader.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, capacity, scanDocument)
}

// asOf returns a query of documents as the schema of the ledger has it: where it
// knows no segments, everything lies under its own key, and nothing is marked.
func (l *Ledger) asOf(ctx context.Context, query string) (string, error) {
	has, err := l.has(ctx, segmentsSince)
	if err != nil || has {
		return query, err
	}
	return strings.NewReplacer(placeColumns, ", NULL, NULL", andLoose, "", andUnmarked, "").Replace(query), nil
}

// collect reads all rows and closes them.
func collect[T any](rows *sql.Rows, capacity int, scan func(*sql.Rows) (T, error)) ([]T, error) {
	defer rows.Close()
	all := make([]T, 0, capacity)
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// selectDocuments has the condition of the partial indexes word for word.
var selectDocuments = "SELECT " + strings.Join(documentColumns[:], ", ") + " FROM documents WHERE state = 'stored'"

// A part is what one statement of a page selects.
type part int

const (
	ties   part = iota // of the millisecond of After, and after it
	others             // of all times before, or all where there is no After
)

// check refuses more values than one statement can have.
func (q *Query) check() error {
	for what, n := range map[string]int{"recipes": len(q.Recipes), "statuses": len(q.Statuses), "kinds": len(q.Kinds)} {
		if n > MaxValues {
			return fmt.Errorf("%d %s are asked for, more than %d", n, what, MaxValues)
		}
	}
	return nil
}

// statement selects the first limit documents of a part of q. Where q is about a
// job, of is the condition of that.
func (q *Query) statement(of ofJob, p part, limit int) (string, []any) {
	var b strings.Builder
	var args []any
	b.WriteString(selectDocuments)
	where := func(condition string, values ...any) {
		b.WriteString(" AND " + condition)
		args = append(args, values...)
	}
	user, at, id := "user_id", "time", "id"
	if q.Job != "" {
		user, at, id = "+user_id", "+time", "+id" // few rows, which the index of jobs finds
		where(of.condition, of.args...)
	}
	if q.User != "" {
		where(user+" = ?", q.User)
	}
	if q.Recipe != "" {
		where("recipe = ?", q.Recipe)
	}
	if len(q.Recipes) > 0 {
		where("recipe IN ("+placeholders(len(q.Recipes))+")", anys(q.Recipes, itself)...)
	}
	if len(q.Statuses) > 0 {
		where("lower(status) IN ("+placeholders(len(q.Statuses))+")", anys(q.Statuses, lowerASCII)...)
	}
	if len(q.Kinds) > 0 {
		where("kind IN ("+placeholders(len(q.Kinds))+")", anys(q.Kinds, itself)...)
	}
	if !q.From.IsZero() {
		where(at+" >= ?", ceilMilli(q.From))
	}
	if !q.To.IsZero() {
		where(at+" < ?", ceilMilli(q.To))
	}
	switch {
	case q.After == nil:
	case p == ties:
		where(at+" = ? AND "+id+" < ?", q.After.Time.UnixMilli(), q.After.ID)
	default:
		where(at+" < ?", q.After.Time.UnixMilli())
	}
	b.WriteString(" ORDER BY " + at + " DESC, " + id + " DESC LIMIT ?")
	return b.String(), append(args, limit)
}

// ceilMilli is the first millisecond that isn't before t. What is stored was
// rounded down, so it is on the same side of both.
func ceilMilli(t time.Time) int64 {
	ms := t.UnixMilli()
	if time.UnixMilli(ms).Before(t) {
		ms++
	}
	return ms
}

// lowerASCII does what lower does in the database, whatever the locale.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func itself[T any](v T) T { return v }

func anys[T, U any](from []T, to func(T) U) []any {
	all := make([]any, len(from))
	for i, v := range from {
		all[i] = to(v)
	}
	return all
}
