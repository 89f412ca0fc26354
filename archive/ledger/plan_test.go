package ledger_test

import (
	"strings"
	"testing"

	"logstow/archive/ledger"
)

const bucketByID = "SEARCH job_buckets USING INTEGER PRIMARY KEY (rowid=?)"

// plans are what EXPLAIN QUERY PLAN must say of each statement.
var plans = map[string][]string{
	"find":                           {documentByID},
	"find: older":                    {"SCAN documents"}, // it has another index there
	"by job":                         {documentByID},
	"by job and user":                {documentByID},
	"documents: all":                 {"SCAN documents USING INDEX documents_time"},
	"documents: all, next":           {"SEARCH documents USING INDEX documents_time (time<?)"},
	"documents: all, next, ties":     {"SEARCH documents USING INDEX documents_time (time=? AND rowid<?)"},
	"documents: status, recipe":      {"SCAN documents USING INDEX documents_time"},
	"documents: user":                {"SEARCH documents USING INDEX documents_user_time (user_id=?)"},
	"documents: user, next":          {"SEARCH documents USING INDEX documents_user_time (user_id=? AND time<?)"},
	"documents: user, next, ties":    {"SEARCH documents USING INDEX documents_user_time (user_id=? AND time=? AND rowid<?)"},
	"documents: job, next, ties":     {documentByID},
	"documents: user, recipe":        {"SEARCH documents USING INDEX documents_user_time (user_id=?)"},
	"documents: job":                 {documentByID},
	"documents: job, user":           {documentByID},
	"documents: job, next":           {documentByID},
	"documents: recipes":             {"SCAN documents USING INDEX documents_time"},
	"documents: user, recipes":       {"SEARCH documents USING INDEX documents_user_time (user_id=? AND time<?)"},
	"documents: user, recipes, ties": {"SEARCH documents USING INDEX documents_user_time (user_id=? AND time=? AND rowid<?)"},

	"export":                 {"SEARCH exports USING INDEX exports_id (id=?)"},
	"export: sweep job":      {"SEARCH exports USING INDEX exports_job (job=?)"},
	"recorded":               {"SEARCH documents USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"},
	"at":                     {documentByID},
	"quarantined at":         {"SEARCH quarantined USING INDEX quarantined_identity (key=?)"},
	"deleting":               {"SCAN documents USING INDEX documents_deleting"},
	"blank":                  {"SEARCH documents USING INTEGER PRIMARY KEY (rowid=?)"},
	"by job, any state":      {documentByID},
	"export: claim":          {"SEARCH exports USING INTEGER PRIMARY KEY (rowid=?)"},
	"export: claimable":      {"SEARCH exports USING INDEX exports_id (id=?)"},
	"export: oldest created": {"SEARCH exports USING COVERING INDEX exports_state (state=?)"},
	"export: oldest lapsed":  {"SEARCH exports USING INDEX exports_state (state=?)"},
	"export: renew":          {"SEARCH exports USING INDEX exports_id (id=?)"},
	"export: finish":         {"SEARCH exports USING INDEX exports_id (id=?)"},
	"export: cancel":         {"SEARCH exports USING INDEX exports_id (id=?)"},
	"export: prolong":        {"SEARCH exports USING INDEX exports_id (id=?)"},
	"export: sweep":          {"SEARCH exports USING INTEGER PRIMARY KEY (rowid=?)", "SEARCH exports USING INDEX exports_state (state=?)"},
	"exports: all":           {"SCAN exports"},
	"exports: next":          {"SEARCH exports USING INTEGER PRIMARY KEY (rowid<?)"},
	"exports: key":           {"SEARCH exports USING INDEX exports_api_key (api_key=?)"},
	"exports: key, next":     {"SEARCH exports USING INDEX exports_api_key (api_key=? AND rowid<?)"},
	"exports: state":         {"SEARCH exports USING INDEX exports_state (state=?)"},
	"exports: counts":        {"SEARCH exports USING COVERING INDEX exports_state (state=?)"},
	"exports: bytes":         {"SEARCH exports USING INDEX exports_state (state=?)"},
	"token by hash":          {"SEARCH t USING INDEX tokens_hash (hash=?)", "SEARCH e USING INDEX exports_id (id=?)"},
	"tokens: all":            {"SCAN t"},
	"tokens: next":           {"SCAN t"},
	"tokens: key":            {"SEARCH t USING INDEX tokens_api_key (api_key=?)"},
	"tokens: key, next":      {"SEARCH t USING INDEX tokens_api_key (api_key=?)"},
	"tokens: state":          {"SCAN t"},
	"tokens: revoke":         {"SEARCH tokens USING INDEX tokens_export (export=?)"},
	"key by hash":            {"SEARCH api_keys USING INDEX api_keys_hash (hash=?)"},
	"audit log: next":        {"SEARCH audit USING INTEGER PRIMARY KEY (rowid<?)"},

	"jobs: buckets": {bucketByID},
	"jobs: bucket":  {"SCAN r", "SEARCH b USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN"},
	"jobs: version": {"SEARCH job_runs"},
	"jobs: runs":    {"SCAN job_runs"},
	"jobs: of run":  {"SEARCH job_buckets USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"},
	"jobs: drop":    {"SEARCH job_buckets USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"},
	"jobs: rows":    {"SEARCH documents USING INTEGER PRIMARY KEY (rowid>?)"},
	"replace":       {documentByID},

	"lease":            {"SEARCH leases USING INDEX sqlite_autoindex_leases_1 (task=?)"},
	"lease: renew":     {"SEARCH leases USING INDEX sqlite_autoindex_leases_1 (task=?)"},
	"lease: release":   {"SEARCH leases USING INDEX sqlite_autoindex_leases_1 (task=?)"},
	"lease: held":      {"SEARCH leases USING INDEX sqlite_autoindex_leases_1 (task=?)"},
	"lease: settle":    {"SEARCH leases USING INDEX sqlite_autoindex_leases_1 (task=?)"},
	"leases":           {"SCAN leases USING INDEX sqlite_autoindex_leases_1"},
	"run: same":        {"SEARCH runs USING INDEX runs_task (task=?)"},
	"run: end":         {"SEARCH runs USING INTEGER PRIMARY KEY (rowid=?)"},
	"run":              {"SEARCH runs USING INTEGER PRIMARY KEY (rowid=?)"},
	"runs: all":        {"SCAN runs"},
	"runs: next":       {"SEARCH runs USING INTEGER PRIMARY KEY (rowid<?)"},
	"runs: task":       {"SEARCH runs USING INDEX runs_task (task=?)"},
	"runs: task, next": {"SEARCH runs USING INDEX runs_task (task=? AND rowid<?)"},
	"runs: command":    {"SCAN runs"},
	"runs: forget": {
		"SEARCH runs USING INTEGER PRIMARY KEY (rowid=?)", "SCAN r",
		"SEARCH later EXISTS USING INTEGER PRIMARY KEY (rowid>?)", "SEARCH later USING COVERING INDEX runs_task (task=? AND rowid>?)",
		"SEARCH l USING INDEX sqlite_autoindex_leases_1 (task=?)",
	},

	"unverified: count":  {"SCAN documents USING COVERING INDEX documents_unverified"},
	"unverified: oldest": {"SCAN documents USING INDEX documents_unverified"},

	"quarantine: key":  {"SEARCH quarantined USING INDEX quarantined_identity (key=?)"},
	"quarantine: open": {"SEARCH quarantined USING INDEX quarantined_state (state=? AND rowid>?)"},
}

func TestStatementsUseTheirIndexes(t *testing.T) {
	l := open(t, newPath(t))
	for name, s := range ledger.Statements() {
		sorted := strings.HasPrefix(name, "documents: job") || strings.HasPrefix(name, "by job")
		checkPlan(t, l, name, s, plans[name], sorted)
	}
}

// checkPlan checks that the plan of a statement has lines, and that it sorts only
// where it may.
func checkPlan(t *testing.T, l *ledger.Ledger, name string, s ledger.Statement, lines []string, sorted bool) {
	t.Helper()
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
	if len(lines) == 0 {
		t.Errorf("%s: no plan is wanted of it; it is\n%s", name, whole)
	}
	for _, want := range lines {
		if !strings.Contains(whole+"\n", want+"\n") {
			t.Errorf("%s: its plan is\n%s\nwant %s", name, whole, want)
		}
	}
	if !sorted && strings.Contains(whole, "TEMP B-TREE") {
		t.Errorf("%s: it sorts:\n%s", name, whole)
	}
}
