package ledger_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
)

func TestDeletingByUser(t *testing.T) {
	l := open(t, newPath(t))
	l.SetPage(3)
	var docs []ledger.Document
	want := map[string][]string{}
	for _, user := range []string{"b", "a", "z"} {
		for n := range 10 {
			d := job(user, fmt.Sprintf("job%d", n/4), fmt.Sprint(n)) // several versions a job
			docs = append(docs, d)
			want[user] = append(want[user], d.Key)
		}
	}
	commit(t, l, ledger.Batch{Documents: docs})
	erased := slices.DeleteFunc(all(t, l.Documents(t.Context(), ledger.Query{})), func(d ledger.Document) bool { return d.User == "z" })
	if _, _, err := l.StartErasure(t.Context(), erased, ledger.AuditEntry{At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	users, err := l.DeletingUsers(t.Context())
	if d := cmp.Diff([]string{"a", "b"}, users); d != "" || err != nil {
		t.Errorf("DeletingUsers (-want +got), %v:\n%s", err, d)
	}
	for _, user := range users {
		var got []string
		for _, d := range all(t, l.DeletingOf(t.Context(), user)) {
			got = append(got, d.Key)
		}
		if d := cmp.Diff(want[user], got); d != "" {
			t.Errorf("DeletingOf(%s) (-want +got):\n%s", user, d)
		}
	}
	slices.Reverse(erased)
	now, err := l.ByIDs(t.Context(), append(erased, ledger.Document{ID: 1 << 40}))
	if err != nil || len(now) != len(erased) {
		t.Fatalf("ByIDs = %d, %v, want %d", len(now), err, len(erased))
	}
	for i, d := range now {
		if d.State != ledger.Deleting || i > 0 && now[i-1].ID >= d.ID {
			t.Errorf("document %d of ByIDs is %d, %s", i, d.ID, d.State)
		}
	}
}

func TestSweepUser(t *testing.T) {
	l := open(t, newPath(t))
	for i, e := range []struct{ user, job string }{{"u", "j"}, {"u", ""}, {"v", ""}, {"", ""}, {"", "j"}} {
		made, token := newExport(fmt.Sprintf("%032x", i))
		made.User, made.Job = e.user, e.job
		if _, err := l.CreateExport(t.Context(), made, token, ledger.AuditEntry{}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // it may be repeated
		swept, err := l.SweepUser(t.Context(), "u", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, e := range swept {
			ids = append(ids, e.ID[31:])
			if e.State != ledger.ExportSweeping {
				t.Errorf("export %s is %s", e.ID, e.State)
			}
		}
		slices.Sort(ids)
		if d := cmp.Diff([]string{"0", "1", "3"}, ids); d != "" {
			t.Errorf("SweepUser (-want +got):\n%s", d)
		}
	}
	for _, token := range tokens(t, l, ledger.ExportQuery{}) {
		swept := slices.Contains([]string{"0", "1", "3"}, token.Export[31:])
		if swept == token.Revoked.IsZero() {
			t.Errorf("the token of export %s was revoked: %v", token.Export, !token.Revoked.IsZero())
		}
	}
}

// erasingPlans are what EXPLAIN QUERY PLAN must say of each statement.
var erasingPlans = map[string][]string{
	"by ids":           {documentByID},
	"deleting of job":  {"SEARCH documents USING INDEX documents_deleting (user_id=? AND job=? AND rowid>?)"},
	"deleting of user": {"SEARCH documents USING INDEX documents_deleting (user_id=? AND job>?)"},
	"next user":        {"SEARCH documents USING COVERING INDEX documents_deleting (user_id>?)"},
	"erasing segments": {
		segmentByID, "SEARCH documents USING INDEX documents_deleting (user_id=?)",
		"SEARCH copies USING COVERING INDEX sqlite_autoindex_copies_1 (document=?)",
	},
	"sweep user": {"SEARCH exports USING INDEX exports_state (state=?)"},
}

// What is erased is found by itself, never among all there is.
func TestErasingUsesIndexes(t *testing.T) {
	l := open(t, newPath(t))
	for name, s := range ledger.ErasingStatements() {
		checkPlan(t, l, name, s, erasingPlans[name], name == "erasing segments" || name == "by ids")
	}
}
