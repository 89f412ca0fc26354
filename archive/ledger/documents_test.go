package ledger_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"logstow/archive/ledger"
)

// oracle does in memory what the ledger does in SQL.
type oracle []ledger.Document

func (o *oracle) commit(docs []ledger.Document) {
	for _, d := range docs {
		same := slices.IndexFunc(*o, func(have ledger.Document) bool {
			return have.User == d.User && have.Job == d.Job && have.InputHash == d.InputHash
		})
		if same >= 0 {
			(*o)[same].Verified = (*o)[same].Verified || d.Verified
			continue
		}
		d.ID = int64(len(*o) + 1)
		*o = append(*o, d)
	}
}

func newestFirst(a, b ledger.Document) int {
	return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(b.ID, a.ID))
}

func (o oracle) list(q ledger.Query) []ledger.Document {
	var got []ledger.Document
	for _, d := range o {
		fold := func(s string) bool { return strings.EqualFold(s, d.Status) }
		switch {
		case d.State != ledger.Stored,
			q.User != "" && d.User != q.User,
			q.Job != "" && d.Job != q.Job,
			q.Recipe != "" && d.Recipe != q.Recipe,
			len(q.Recipes) > 0 && !slices.Contains(q.Recipes, d.Recipe),
			len(q.Statuses) > 0 && !slices.ContainsFunc(q.Statuses, fold),
			len(q.Kinds) > 0 && !slices.Contains(q.Kinds, d.Kind),
			!q.From.IsZero() && d.Time.Before(q.From),
			!q.To.IsZero() && !d.Time.Before(q.To),
			q.After != nil && newestFirst(d, ledger.Document{Time: q.After.Time, ID: q.After.ID}) <= 0:
			continue
		}
		got = append(got, d)
	}
	slices.SortFunc(got, newestFirst)
	if q.Limit > 0 && len(got) > q.Limit {
		got = got[:q.Limit]
	}
	return got
}

var someTimes = rapid.Custom(func(t *rapid.T) time.Time {
	return noon.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "ms")) * time.Millisecond)
})

var someDocuments = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) ledger.Document {
	d := job(rapid.SampledFrom([]string{"u", "v"}).Draw(t, "user"), rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "job"),
		rapid.StringMatching("[a-d]").Draw(t, "content"))
	d.Time = someTimes.Draw(t, "time")
	d.Recipe = rapid.SampledFrom([]string{"r", "s"}).Draw(t, "recipe")
	d.Status = rapid.SampledFrom([]string{"failed", "Failed", "succeeded", ""}).Draw(t, "status")
	d.Kind = rapid.SampledFrom([]string{"job", "log"}).Draw(t, "kind")
	d.State = rapid.SampledFrom([]ledger.State{ledger.Stored, ledger.Stored, ledger.Stored, ledger.Expired}).Draw(t, "state")
	d.Verified = rapid.Bool().Draw(t, "verified")
	return d
}), 0, 30)

var someQueries = rapid.Custom(func(t *rapid.T) ledger.Query {
	q := ledger.Query{
		User:     rapid.SampledFrom([]string{"", "", "u", "v"}).Draw(t, "user"),
		Job:      rapid.SampledFrom([]string{"", "", "", "1", "9"}).Draw(t, "job"),
		Recipe:   rapid.SampledFrom([]string{"", "", "r"}).Draw(t, "recipe"),
		Recipes:  rapid.SampledFrom([][]string{nil, nil, {"r"}, {"s", "r", "x"}}).Draw(t, "recipes"),
		Statuses: rapid.SampledFrom([][]string{nil, nil, {"FAILED"}, {"failed", "succeeded"}}).Draw(t, "statuses"),
		Kinds:    rapid.SampledFrom([][]string{nil, nil, {"log"}, {"log", "job"}}).Draw(t, "kinds"),
		Limit:    rapid.IntRange(0, 12).Draw(t, "limit"),
	}
	// A bound between two milliseconds rounds neither way.
	if rapid.Bool().Draw(t, "from") {
		q.From = someTimes.Draw(t, "from").Add(rapid.SampledFrom([]time.Duration{0, 1, -1}).Draw(t, "ns"))
	}
	if rapid.Bool().Draw(t, "to") {
		q.To = someTimes.Draw(t, "to").Add(rapid.SampledFrom([]time.Duration{0, 1, -1}).Draw(t, "ns"))
	}
	if rapid.Bool().Draw(t, "after") {
		q.After = &ledger.Position{Time: someTimes.Draw(t, "after"), ID: int64(rapid.IntRange(0, 30).Draw(t, "id"))}
	}
	return q
})

// scratch runs f with a new ledger whose listings read page rows at once.
func scratch(t *rapid.T, page int, f func(*ledger.Ledger)) {
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := ledger.Open(context.Background(), ledger.Config{Path: filepath.Join(dir, "l")})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.SetPage(page)
	f(l)
}

func TestDocumentsAgreeWithAnOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scratch(t, rapid.IntRange(1, 4).Draw(t, "page"), func(l *ledger.Ledger) {
			var o oracle
			for range rapid.IntRange(1, 3).Draw(t, "batches") {
				docs := someDocuments.Draw(t, "documents")
				if err := l.Commit(context.Background(), ledger.Batch{Documents: docs}); err != nil {
					t.Fatal(err)
				}
				o.commit(docs)
			}
			for range 5 {
				q := someQueries.Draw(t, "query")
				want := fmt.Sprint(o.list(q))
				if got := list(t, l, q, func() {}); fmt.Sprint(got) != want {
					t.Fatalf("Documents(%+v) = %v\nwant %v", q, got, want)
				}
			}
		})
	})
}

func TestListingsAreStableWhileDocumentsArrive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scratch(t, rapid.IntRange(1, 4).Draw(t, "page"), func(l *ledger.Ledger) {
			var o oracle
			arrive := func() {
				docs := someDocuments.Draw(t, "documents")
				if err := l.Commit(context.Background(), ledger.Batch{Documents: docs}); err != nil {
					t.Fatal(err)
				}
				o.commit(docs)
			}
			arrive()
			q := someQueries.Draw(t, "query")
			q.Limit = 0
			start := o.list(q)
			got := list(t, l, q, arrive)
			checkStable(t, got, start, o.list(q))
		})
	})
}

// checkStable checks that got is in order, has all that was there at the start
// and nothing that isn't there at the end.
func checkStable(t *rapid.T, got, start, end []ledger.Document) {
	if !slices.IsSortedFunc(got, newestFirst) || len(slices.CompactFunc(slices.Clone(got), same)) != len(got) {
		t.Fatalf("not in order, or something twice: %v", got)
	}
	for _, d := range start {
		if !slices.ContainsFunc(got, func(g ledger.Document) bool { return same(g, d) }) {
			t.Fatalf("document %d was there from the start and is not listed", d.ID)
		}
	}
	for _, g := range got {
		if !slices.ContainsFunc(end, func(d ledger.Document) bool { return same(g, d) }) {
			t.Fatalf("document %d is listed and should not be", g.ID)
		}
	}
}

func same(a, b ledger.Document) bool { return a.ID == b.ID }

func list(t *rapid.T, l *ledger.Ledger, q ledger.Query, between func()) []ledger.Document {
	var got []ledger.Document
	for d, err := range l.Documents(context.Background(), q) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, d); len(got)%3 == 1 && len(got) < 10 {
			between()
		}
	}
	return got
}

func TestQueriesOfTooManyValuesAreRefused(t *testing.T) {
	l := open(t, newPath(t))
	most := make([]string, ledger.MaxValues)
	all(t, l.Documents(t.Context(), ledger.Query{Recipes: most, Statuses: most, Kinds: most}))
	for _, err := range l.Documents(t.Context(), ledger.Query{Recipes: append(most, "j")}) {
		if err == nil || !strings.Contains(err.Error(), "5001 recipes") {
			t.Errorf("Documents of too many recipes = %v, want an error that counts them", err)
		}
	}
}
