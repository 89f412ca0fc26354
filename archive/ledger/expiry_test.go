package ledger_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"logstow/archive/ledger"
)

// Where a document lies, and where there are copies, stays on record as long as
// those segments are there, and nothing else does.
func TestWhatEndsIsForgotten(t *testing.T) {
	for _, end := range []string{"expiry", "erasure"} {
		t.Run(end, func(t *testing.T) {
			l := open(t, newPath(t))
			commit(t, l, ledger.Batch{Documents: []ledger.Document{job("u", "1", "a"), job("u", "2", "a"), job("u", "3", "a")}})
			for _, s := range []string{
				"INSERT INTO segments (id, key, user_id, month, state, n_rows, size, sha256, created) VALUES (5, 'k', 'u', 0, 'stored', 3, 1, x'00', 0)",
				"UPDATE documents SET segment = id + 4, segment_row = 0", // that of 2 and 3 is gone
				"INSERT INTO copies VALUES (1, 6), (2, 5), (3, 6)",
				"INSERT INTO inputs (document, segment) VALUES (1, 5), (2, 6), (3, 7)",
				"INSERT INTO owed VALUES (1, 0), (2, 0)", // asked for while it was Expiring and held
			} {
				if _, err := l.Writer().ExecContext(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}
			docs := all(t, l.Recorded(t.Context(), 0, 9))
			if _, err := l.Mark(t.Context(), ids(docs), ledger.Mark{Policy: "p", Marked: noon, Due: noon}); err != nil {
				t.Fatal(err)
			}
			finish := func() error { return l.EndErasure(t.Context(), docs[:2], ledger.AuditEntry{At: noon}) }
			var err error
			if end == "erasure" {
				_, _, err = l.StartErasure(t.Context(), docs, ledger.AuditEntry{At: noon})
			} else {
				finish = func() error { return l.EndExpiry(t.Context(), docs[:2]) }
				_, _, err = l.StartExpiry(t.Context(), docs, noon)
			}
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := finish(); err != nil {
					t.Fatal(err)
				}
				left := all(t, l.Recorded(t.Context(), 0, 9))
				equal(t, "segments", []int64{left[0].Segment, left[1].Segment, left[2].Segment}, []int64{5, 0, 7})
				equal(t, "copies", column(t, l, "SELECT document FROM copies"), []int64{2, 3})
				equal(t, "inputs", column(t, l, "SELECT document FROM inputs"), []int64{3})
				equal(t, "owed", column(t, l, "SELECT document FROM owed"), []int64(nil))
			}
		})
	}
}

func column(t *testing.T, l *ledger.Ledger, query string) (all []int64) {
	t.Helper()
	rows, err := l.Writer().QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(slices.Values(all))
}

// Those that were yielded may be unmarked or expire meanwhile, and none is left
// out for it, however many are due at once.
func TestMarksMayGoWhileTheyAreRead(t *testing.T) {
	l := open(t, newPath(t))
	l.SetPage(3)
	var docs []ledger.Document
	for n := range 20 {
		docs = append(docs, job("u", fmt.Sprint(n), "a"))
	}
	commit(t, l, ledger.Batch{Documents: docs})
	docs = all(t, l.Recorded(t.Context(), 0, 1<<40))
	if _, err := l.Mark(t.Context(), ids(docs), ledger.Mark{Policy: "p", Marked: noon, Due: noon}); err != nil {
		t.Fatal(err)
	}
	var got []ledger.Document
	for m, err := range l.Marks(t.Context(), ledger.MarkQuery{DueBy: noon}) {
		if err != nil {
			t.Fatal(err)
		}
		if m.ID%2 == 0 {
			_, err = l.Unmark(t.Context(), []int64{m.ID})
		} else {
			_, _, err = l.StartExpiry(t.Context(), []ledger.Document{m.Document}, noon)
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Document)
	}
	equal(t, "Marks", got, docs)
	if left := all(t, l.Marks(t.Context(), ledger.MarkQuery{})); len(left) > 0 {
		t.Errorf("%d are still marked", len(left))
	}
	if expiring := all(t, l.Expiring(t.Context())); len(expiring) != 10 {
		t.Errorf("%d are Expiring, want 10", len(expiring))
	}
}

// A mark that is due between two milliseconds is due at neither before it.
func TestNothingIsDueBeforeItsTime(t *testing.T) {
	l := open(t, newPath(t))
	commit(t, l, ledger.Batch{Documents: []ledger.Document{job("u", "1", "a")}})
	docs := versions(t, l, "u", "1")
	due := noon.Add(time.Nanosecond)
	if _, err := l.Mark(t.Context(), ids(docs), ledger.Mark{Policy: "p", Marked: noon, Due: due}); err != nil {
		t.Fatal(err)
	}
	for now, want := range map[time.Time]int{noon: 0, due.Add(-1): 0, due: 0} {
		started, _, err := l.StartExpiry(t.Context(), docs, now)
		if err != nil || len(started) != want {
			t.Errorf("StartExpiry at %s = %d documents, %v, want %d", now, len(started), err, want)
		}
	}
	if started, _, err := l.StartExpiry(t.Context(), docs, noon.Add(time.Millisecond)); err != nil || len(started) != 1 {
		t.Errorf("StartExpiry a millisecond later = %d documents, %v, want 1", len(started), err)
	}
}

func TestPolicyRuns(t *testing.T) {
	l := open(t, newPath(t))
	var want []ledger.PolicyRun
	for n := range 15 {
		at := noon.Add(time.Duration(n) * time.Hour)
		for range 2 { // the same time again replaces it
			if err := l.RecordPolicyRun(t.Context(), at, map[string]int64{"p": int64(n), "q": 7}); err != nil {
				t.Fatal(err)
			}
		}
		want = append([]ledger.PolicyRun{{At: at, Marked: int64(n)}}, want...)
	}
	if err := l.RecordPolicyRun(t.Context(), noon.Add(20*time.Hour), map[string]int64{"q": 8}); err != nil {
		t.Fatal(err)
	}
	for policy, want := range map[string][]ledger.PolicyRun{"p": want[:10], "none": {}} {
		got, err := l.PolicyRuns(t.Context(), policy)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "PolicyRuns of "+policy, got, want)
	}
	if got := column(t, l, "SELECT count(*) FROM policy_runs"); got[0] != 20 {
		t.Errorf("%d rows are kept, want 10 of each of two", got[0])
	}
}

// A ledger of an older version that is read only has none of it.
func TestOlderLedgersHaveNoMarks(t *testing.T) {
	b, err := fixtures.ReadFile("testdata/v3.sql")
	if err != nil {
		t.Fatal(err)
	}
	path := newPath(t)
	execute(t, path, string(b))
	l := openWith(t, ledger.Config{Path: path, ReadOnly: true})
	for name, n := range map[string]func() (int, error){
		"Marks":      func() (int, error) { return len(all(t, l.Marks(t.Context(), ledger.MarkQuery{}))), nil },
		"Expiring":   func() (int, error) { return len(all(t, l.Expiring(t.Context()))), nil },
		"Holds":      func() (int, error) { h, err := l.Holds(t.Context(), true); return len(h), err },
		"Owed":       func() (int, error) { d, err := l.Owed(t.Context()); return len(d), err },
		"PolicyRuns": func() (int, error) { r, err := l.PolicyRuns(t.Context(), "p"); return len(r), err },
		"MarksOf": func() (int, error) {
			m, err := l.MarksOf(t.Context(), []int64{1})
			return len(slices.Collect(maps.Keys(m))), err
		},
	} {
		if got, err := n(); got != 0 || err != nil {
			t.Errorf("%s of an older ledger = %d, %v, want none", name, got, err)
		}
	}
}
