package ledger

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"strings"
	"time"
)

// MarkQuery selects marks of Stored documents. Zero fields select everything.
type MarkQuery struct {
	User, Recipe, Job string
	Policy            string
	DueBy             time.Time // Due <= DueBy
}

// Marks yields the Stored documents that are marked, those first that are due
// first. It reads page by page and holds nothing in between, so that those it
// has yielded may be unmarked or removed meanwhile.
func (l *Ledger) Marks(ctx context.Context, q MarkQuery) iter.Seq2[Marked, error] {
	return l.marked(ctx, "marks", markPage{MarkQuery: q, state: Stored})
}

// Expiring yields the documents that are Expiring, in the order of their due
// times, page by page.
func (l *Ledger) Expiring(ctx context.Context) iter.Seq2[Marked, error] {
	return l.marked(ctx, "expiring", markPage{state: Expiring})
}

// markPage is a page of marks: of documents in a state, and after a mark.
type markPage struct {
	MarkQuery
	state State
	after *Marked // its document and when it is due
}

func (l *Ledger) marked(ctx context.Context, op string, p markPage) iter.Seq2[Marked, error] {
	return func(yield func(Marked, error) bool) {
		for {
			marks, page, err := l.markedPage(ctx, op, p)
			if err != nil {
				yield(Marked{}, err)
				return
			}
			for _, m := range page {
				if !yield(m, nil) {
					return
				}
			}
			if len(marks) < l.page {
				return
			}
			p.after = &marks[len(marks)-1]
		}
	}
}

// markedPage returns the marks of a page, and those of them whose document is, now
// that it is read, in the page's state. A ledger of an older version has none.
func (l *Ledger) markedPage(ctx context.Context, op string, p markPage) (marks, page []Marked, err error) {
	err = l.callSince(ctx, segmentsSince, op, func() error {
		var of ofJob
		if p.Job != "" {
			if of, err = l.ofJob(ctx, p.Job); err != nil {
				return err
			}
		}
		if marks, err = l.marksPage(ctx, of, p); err != nil || len(marks) == 0 {
			return err
		}
		docs, err := l.documents(ctx, inStateSQL(len(marks)), inState(marks, p.state), len(marks))
		if err != nil {
			return err
		}
		byID := make(map[int64]Document, len(docs))
		for _, d := range docs {
			byID[d.ID] = d
		}
		for _, m := range marks {
			if d, ok := byID[m.ID]; ok {
				page = append(page, Marked{Document: d, Mark: m.Mark})
			}
		}
		return nil
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, nil
	}
	return marks, page, err
}

// marksPage returns the marks of a page without their documents. Those that are
// due at the very millisecond of the last one have a statement of their own, as
// in documentsPage: all of one run are.
func (l *Ledger) marksPage(ctx context.Context, of ofJob, p markPage) ([]Marked, error) {
	parts := []part{others}
	if p.after != nil {
		parts = []part{ties, others}
	}
	var marks []Marked
	for _, part := range parts {
		query, args := p.statement(of, part, l.page-len(marks))
		rows, err := l.reader.QueryContext(ctx, query, args...)
		if err != nil {
			return nil, err
		}
		some, err := collect(rows, 0, scanMark)
		if err != nil {
			return nil, err
		}
		if marks = append(marks, some...); len(marks) == l.page {
			break
		}
	}
	return marks, nil
}

// statement selects the first limit marks of a part of p. Where documents have to
// be looked at, every database goes from the marks to them, but for a job's, of
// which of is the condition.
func (p *markPage) statement(of ofJob, part part, limit int) (string, []any) {
	var b strings.Builder
	args := []any{p.state == Expiring}
	where := func(condition string, values ...any) {
		b.WriteString(" AND " + condition)
		args = append(args, values...)
	}
	from, user, due, document := selectMarks, "user_id", "due", "document"
	switch {
	case p.Job != "":
		from = strings.Replace(selectMarks, "marks", "documents CROSS JOIN marks", 1)
		user, due, document = "+user_id", "+due", "+document"
		where("document = documents.id")
		where(of.condition, of.args...)
	case p.User != "" || p.Recipe != "":
		from += " CROSS JOIN documents"
		b.WriteString(" AND id = document")
	}
	if p.User != "" {
		where(user+" = ?", p.User)
	}
	if p.Recipe != "" {
		where("+recipe = ?", p.Recipe)
	}
	if p.Policy != "" {
		where("policy = ?", p.Policy)
	}
	if !p.DueBy.IsZero() {
		where(due+" <= ?", p.DueBy.UnixMilli())
	}
	switch {
	case p.after == nil:
	case part == ties:
		where(due+" = ?", p.after.Mark.Due.UnixMilli())
		where(document+" > ?", p.after.ID)
	default:
		where(due+" > ?", p.after.Mark.Due.UnixMilli())
	}
	return from + " WHERE expiring = ?" + b.String() + " ORDER BY " + due + ", " + document + " LIMIT ?", append(args, limit)
}

// inStateSQL selects those of n documents that are in a state.
func inStateSQL(n int) string {
	return selectAnyState + " WHERE +state = ? AND id IN (" + placeholders(n) + ")"
}

func inState(marks []Marked, state State) []any {
	return append([]any{string(state)}, anys(marks, func(m Marked) int64 { return m.ID })...)
}
