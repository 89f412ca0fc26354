package export_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/export"
	"logstow/layout/jobfile"
)

// numbered is a version of a job, told apart by its title.
func numbered(user, recipe, job, status string, at time.Time, title string) string {
	return fmt.Sprintf(`{"id":%s,"account_id":%s,"recipe_id":%s,"status":%s,"completed_at":%s,"title":%s,"lines":[{"recipe_line_number":1}]}`,
		quoted(job), quoted(user), quoted(recipe), quoted(status), quoted(at.Format(time.RFC3339)), quoted(title))
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// rows is what a CSV file says of one column.
func rows(t *testing.T, file, column string) []string {
	t.Helper()
	all, err := csv.NewReader(strings.NewReader(file)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.Index(all[0], column)
	var values []string
	for _, row := range all[1:] {
		values = append(values, row[i])
	}
	return values
}

// A query gives each job once, in its best version, newest first; the formats
// of documents give every version. Versions lie anywhere in the listing.
func TestQueriesAgreeWithAnOracle(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t)
	byJob := map[[3]string][]ledger.Document{}
	var batch []ledger.Document
	for i := range 400 {
		at := time.Date(2026, 1, 1+rnd.IntN(20), rnd.IntN(24), 0, 0, 0, time.UTC)
		d := w.row([]byte(numbered(
			fmt.Sprint("u", rnd.IntN(2)), fmt.Sprint("r", rnd.IntN(3)), fmt.Sprint("j", rnd.IntN(80)),
			[]string{"succeeded", "failed"}[rnd.IntN(2)], at, fmt.Sprint(i),
		)), jobfile.Config{})
		d.Lines = int64(rnd.IntN(2)) * 3
		d.Revision = rnd.IntN(2) == 0
		d.ID = int64(i + 1)
		batch = append(batch, d)
		byJob[[3]string{d.User, d.Recipe, d.Job}] = append(byJob[[3]string{d.User, d.Recipe, d.Job}], d)
	}
	w.commit(batch...)
	best := map[string]bool{} // titles
	for _, versions := range byJob {
		slices.SortFunc(versions, func(a, b ledger.Document) int {
			if a.Lines != b.Lines {
				return int(b.Lines - a.Lines)
			}
			if c := b.Time.Compare(a.Time); c != 0 {
				return c
			}
			return int(b.ID - a.ID)
		})
		best[versions[0].Title] = true
	}
	slices.SortFunc(batch, func(a, b ledger.Document) int {
		if c := b.Time.Compare(a.Time); c != 0 {
			return c
		}
		return int(b.ID - a.ID)
	})
	from, to := time.Date(2026, 1, 5, 7, 0, 0, 0, time.UTC), time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)
	for _, r := range []export.Request{
		{},
		{User: "u1"},
		{User: "u0", Recipes: []string{"r2"}},
		{Recipes: []string{"r2", "r0", "none"}},
		{Statuses: []string{"FAILED"}},
		{From: from, To: to},
		{User: "u1", From: from, Statuses: []string{"succeeded"}},
		{Kinds: []jobfile.Kind{jobfile.Genie}},
		{User: "nobody"},
	} {
		var every, bests []string
		lines := int64(0)
		for _, d := range batch {
			if r.User != "" && d.User != r.User || len(r.Recipes) > 0 && !slices.Contains(r.Recipes, d.Recipe) ||
				len(r.Statuses) > 0 && !strings.EqualFold(r.Statuses[0], d.Status) ||
				!r.From.IsZero() && d.Time.Before(r.From) || !r.To.IsZero() && !d.Time.Before(r.To) || len(r.Kinds) > 0 {
				continue
			}
			every = append(every, d.Title)
			if best[d.Title] {
				bests = append(bests, d.Title)
				lines += d.Lines
			}
		}
		r.Format = export.CSV
		if diff := cmp.Diff(bests, rows(t, w.write(r), "title")); diff != "" {
			t.Errorf("jobs of %+v (-want +got):\n%s", r, diff)
		}
		if n, l, err := w.exporter().Selected(t.Context(), r); err != nil || n != int64(len(bests)) || l != lines {
			t.Errorf("Selected(%+v) = %d, %d, %v, want %d, %d", r, n, l, err, len(bests), lines)
		}
		r.Format = export.NDJSON
		if n, _, err := w.exporter().Selected(t.Context(), r); err != nil || n != int64(len(every)) {
			t.Errorf("Selected(%+v) = %d, %v, want %d", r, n, err, len(every))
		}
	}
}

// arriving is a ledger in which something happens after each document that is
// listed.
type arriving struct {
	*ledger.Ledger
	next func()
}

func (a arriving) Documents(ctx context.Context, q ledger.Query) iter.Seq2[ledger.Document, error] {
	return func(yield func(ledger.Document, error) bool) {
		for d, err := range a.Ledger.Documents(ctx, q) {
			if !yield(d, err) {
				return
			}
			a.next()
		}
	}
}

// What is recorded while an export runs neither adds to it nor takes from it:
// new jobs, and better versions on either side of where it stands.
func TestQueriesAreStableWhileJobsArrive(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t)
	some := func(title string) ledger.Document {
		at := time.Date(2026, 1, 1+rnd.IntN(28), rnd.IntN(24), rnd.IntN(60), 0, 0, time.UTC)
		d := w.row([]byte(numbered("u", "r", fmt.Sprint("j", rnd.IntN(2000)), "ok", at, title)), jobfile.Config{})
		d.Lines = int64(rnd.IntN(2))
		return d
	}
	var before []ledger.Document
	for i := range 1200 {
		before = append(before, some(fmt.Sprint("before ", i)))
	}
	w.commit(before...)
	want := w.write(export.Request{Format: export.CSV})
	n := 0
	e, err := export.New(export.Config{Store: w.store, Ledger: arriving{w.ledger, func() {
		if n++; n%8 == 0 {
			w.commit(some(fmt.Sprint("after ", n)), some(fmt.Sprint("and ", n)))
		}
	}}})
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	if _, err := e.Write(t.Context(), &got, export.Request{Format: export.CSV}, nil); err != nil {
		t.Fatal(err)
	}
	if n < 1000 {
		t.Errorf("only %d documents were listed", n)
	}
	if diff := cmp.Diff(rows(t, want, "title"), rows(t, got.String(), "title")); diff != "" {
		t.Errorf("jobs while others arrive (-want +got):\n%s", diff)
	}
}

func TestNamedJobs(t *testing.T) {
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := newWorld(t)
	w.add(
		numbered("u", "r", "old", "ok", day, "1"),
		numbered("u", "r", "new", "ok", day.AddDate(0, 0, 1), "2"),
		numbered("u", "r", "twice", "ok", day, "3"), numbered("u", "s", "twice", "ok", day, "4"),
		numbered("u", "r", "shared", "ok", day, "5"), numbered("v", "r", "shared", "ok", day, "6"),
	)
	w.revise(numbered("u", "r", "old", "ok", day, "revised"))
	tests := []struct {
		r    export.Request
		want []string
		err  error
	}{
		{export.Request{Jobs: []string{"old", "new", "old"}}, []string{"2", "revised"}, nil},
		{export.Request{Jobs: []string{"twice"}, Recipe: "s"}, []string{"4"}, nil},
		{export.Request{Jobs: []string{"shared"}, User: "v"}, []string{"6"}, nil},
		{export.Request{Jobs: []string{"new", "none"}}, nil, export.ErrNotFound},
		{export.Request{Jobs: []string{"new"}, User: "v"}, nil, export.ErrNotFound},
		{export.Request{Jobs: []string{"new"}, Kinds: []jobfile.Kind{jobfile.Log}}, nil, export.ErrNotFound},
		{export.Request{Jobs: []string{"new", "twice"}}, nil, export.ErrAmbiguous},
		{export.Request{Jobs: []string{"shared"}}, nil, export.ErrAmbiguous},
	}
	for _, tt := range tests {
		for _, f := range export.Formats() {
			tt.r.Format = f
			out, err := w.tryWrite(t.Context(), tt.r)
			if !errors.Is(err, tt.err) || err != nil && out != "" {
				t.Errorf("Write(%+v) = %.40q, %v, want %v before anything is written", tt.r, out, err, tt.err)
			}
			if f == export.CSV && err == nil {
				if diff := cmp.Diff(tt.want, rows(t, out, "title")); diff != "" {
					t.Errorf("jobs of %+v (-want +got):\n%s", tt.r, diff)
				}
			}
		}
	}
}
