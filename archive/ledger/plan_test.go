package ledger_test

import (
	"strings"
	"testing"

	"logstow/archive/ledger"
)

// plans are what EXPLAIN QUERY PLAN must say of each statement.
var plans = map[string][]string{
	"find one":                    {"SEARCH d USING INDEX documents_identity (job=? AND user_id=?)"},
	"find many":                   {"SEARCH d USING INDEX documents_identity (job=? AND user_id=?)"},
	"by job":                      {"SEARCH documents USING INDEX documents_identity (job=?)"},
	"by job and user":             {"SEARCH documents USING INDEX documents_identity (job=? AND user_id=?)"},
	"documents: all":              {"SCAN documents USING INDEX documents_time"},
	"documents: all, next":        {"SEARCH documents USING INDEX documents_time (time<?)"},
	"documents: all, next, ties":  {"SEARCH documents USING INDEX documents_time (time=? AND rowid<?)"},
	"documents: status, recipe":   {"SCAN documents USING INDEX documents_time"},
	"documents: user":             {"SEARCH documents USING INDEX documents_user_time (user_id=?)"},
	"documents: user, next":       {"SEARCH documents USING INDEX documents_user_time (user_id=? AND time<?)"},
	"documents: user, next, ties": {"SEARCH documents USING INDEX documents_user_time (user_id=? AND time=? AND rowid<?)"},
	"documents: job, next, ties":  {"SEARCH documents USING INDEX documents_identity (job=?)"},
	"documents: user, recipe":     {"SEARCH documents USING INDEX documents_user_time (user_id=?)"},
	"documents: job":              {"SEARCH documents USING INDEX documents_identity (job=?)"},
	"documents: job, user":        {"SEARCH documents USING INDEX documents_identity (job=? AND user_id=?)"},
	"documents: job, next":        {"SEARCH documents USING INDEX documents_identity (job=?)"},
	"quarantine: key":             {"SEARCH quarantined USING INDEX quarantined_identity (key=?)"},
	"quarantine: open":            {"SEARCH quarantined USING INDEX quarantined_state (state=? AND rowid>?)"},
}

func TestStatementsUseTheirIndexes(t *testing.T) {
	l := open(t, newPath(t))
	for name, s := range ledger.Statements() {
		rows, err := l.Writer().QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+s.SQL, s.Args...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		defer rows.Close()
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, detail)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		whole := strings.Join(plan, "\n")
		if len(plans[name]) == 0 {
			t.Errorf("%s: no plan is wanted of it; it is\n%s", name, whole)
		}
		for _, want := range plans[name] {
			if !strings.Contains(whole+"\n", want+"\n") {
				t.Errorf("%s: its plan is\n%s\nwant %s", name, whole, want)
			}
		}
		if strings.HasPrefix(name, "documents: ") && !strings.HasPrefix(name, "documents: job") && strings.Contains(whole, "TEMP B-TREE") {
			t.Errorf("%s: it sorts:\n%s", name, whole)
		}
	}
}
