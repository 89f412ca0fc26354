package ledger_test

import (
	"strings"
	"testing"

	"logstow/archive/ledger"
)

const (
	documentByID = "SEARCH documents USING INTEGER PRIMARY KEY (rowid=?)"
	markByID     = "SEARCH marks USING INTEGER PRIMARY KEY (rowid=?)"
	segmentByID  = "SEARCH segments USING INTEGER PRIMARY KEY (rowid=?)"

	nextMarks = "SEARCH marks USING INDEX marks_due (expiring=? AND due>?)"
	nextTies  = "SEARCH marks USING INDEX marks_due (expiring=? AND due=? AND rowid>?)"
)

// retentionPlans are what EXPLAIN QUERY PLAN must say of each statement.
var retentionPlans = map[string][]string{
	"holds":             {"SCAN holds"},
	"holds: active":     {"SCAN holds"},
	"owed":              {"SCAN owed", documentByID},
	"leaving: job":      {documentByID},
	"leaving: expiring": {"SEARCH marks USING COVERING INDEX marks_due (expiring=?)", documentByID},

	"mark":      {documentByID},
	"unmark":    {markByID},
	"marks of":  {markByID},
	"in state":  {documentByID},
	"due":       {markByID, documentByID},
	"expiring":  {markByID},
	"erasable":  {documentByID},
	"unlist":    {"SEARCH owed USING INTEGER PRIMARY KEY (rowid=?)"},
	"forget: 0": {documentByID},
	"forget: 1": {documentByID, segmentByID},
	"forget: 2": {markByID, documentByID},
	"forget: 3": {"SEARCH owed USING INTEGER PRIMARY KEY (rowid=?)", documentByID},
	"forget: 4": {"SEARCH inputs USING INTEGER PRIMARY KEY (rowid=?)", documentByID},
	"forget: 5": {"SEARCH copies USING COVERING INDEX sqlite_autoindex_copies_1 (document=?)", documentByID, segmentByID},

	"marks: all":                {"SEARCH marks USING INDEX marks_due (expiring=?)"},
	"marks: next":               {nextMarks},
	"marks: next, ties":         {nextTies},
	"marks: expiring":           {nextMarks},
	"marks: expiring, ties":     {nextTies},
	"marks: due":                {"SEARCH marks USING INDEX marks_due (expiring=? AND due>? AND due<?)"},
	"marks: due, ties":          {nextTies},
	"marks: user, recipe":       {nextMarks, documentByID},
	"marks: user, recipe, ties": {nextTies, documentByID},
	"marks: job":                {documentByID, markByID},
	"marks: job, ties":          {documentByID, markByID},

	"policy runs":         {"SEARCH policy_runs USING INDEX policy_runs_policy (policy=?)"},
	"policy runs: same":   {"SEARCH policy_runs USING INDEX policy_runs_policy (policy=?)"},
	"policy runs: forget": {"SEARCH policy_runs USING INDEX policy_runs_policy (policy=?)"},
}

// Whatever is done for a thousand documents looks at these alone, and a page of
// marks at that page.
func TestRetentionUsesIndexes(t *testing.T) {
	l := open(t, newPath(t))
	for name, s := range ledger.RetentionStatements() {
		sorted := strings.Contains(name, "job") || strings.HasPrefix(name, "policy runs") || strings.HasPrefix(name, "holds")
		checkPlan(t, l, name, s, retentionPlans[name], sorted)
	}
}
