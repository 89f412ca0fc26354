package ledger_test

import (
	"slices"
	"testing"
	"time"

	"logstow/archive/ledger"
)

func versions(t *testing.T, l *ledger.Ledger, user, job string) []ledger.Document {
	t.Helper()
	got, err := l.Versions(t.Context(), user, job)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestErasure(t *testing.T) {
	l := open(t, newPath(t))
	commit(t, l, ledger.Batch{Documents: []ledger.Document{job("u", "1", "a"), job("u", "1", "b"), job("v", "1", "a"), job("u", "2", "a")}})
	for id, ref := range map[string]ledger.Ref{"ours": {User: "u", Job: "1"}, "anybody's": {Job: "1"}, "other user": {User: "v", Job: "1"}, "other job": {User: "u", Job: "2"}, "query": {User: "u"}} {
		e, token := newExport(id)
		e.User, e.Job = ref.User, ref.Job
		if _, err := l.CreateExport(t.Context(), e, token, ledger.AuditEntry{Action: "export"}); err != nil {
			t.Fatal(err)
		}
	}
	finish(t, l, claim(t, l, "ours", noon, time.Minute))
	docs, err := l.ByJob(t.Context(), "u", "1")
	if err != nil {
		t.Fatal(err)
	}
	var swept []string
	for range 2 {
		exports, _, err := l.StartErasure(t.Context(), docs, ledger.AuditEntry{At: noon})
		if err != nil {
			t.Fatal(err)
		}
		swept = nil
		for _, e := range exports {
			swept = append(swept, e.ID)
		}
		slices.Sort(swept)
		equal(t, "the exports to sweep", swept, []string{"anybody's", "ours"})
		checkTotals(t, l, 2, 2)
	}
	for _, id := range []string{"ours", "anybody's", "other user", "other job", "query"} {
		token, e, err := l.TokenByHash(t.Context(), hash("token of "+id))
		gone := slices.Contains(swept, id)
		if err != nil || gone != !token.Revoked.IsZero() || gone != (e.State == ledger.ExportSweeping) || gone && e.Object != "" {
			t.Errorf("the token and export of %s: %+v, %+v, %v", id, token, e, err)
		}
	}
	deleting, err := l.Deleting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range docs {
		docs[i].State = ledger.Deleting
	}
	equal(t, "Deleting", deleting, docs)
	if got := all(t, l.Documents(t.Context(), ledger.Query{Job: "1"})); len(got) != 1 || got[0].User != "v" {
		t.Errorf("listed are %v, want the other user's alone", got)
	}

	// One is gone, the other is locked.
	for range 2 {
		if err := l.EndErasure(t.Context(), docs[:1], ledger.AuditEntry{Action: "delete", At: noon}); err != nil {
			t.Fatal(err)
		}
		checkTotals(t, l, 2, 1)
	}
	erased := docs[0]
	erased.State = ledger.Erased
	erased.Title, erased.Error, erased.ErrorType, erased.Source, erased.Lines = "", "", "", "", -1
	erased.StartedAt, erased.CompletedAt = time.Time{}, time.Time{}
	equal(t, "Versions", versions(t, l, "u", "1"), []ledger.Document{erased, docs[1]})
	equal(t, "Versions of any user", len(versions(t, l, "", "1")), 3)

	// It does not come back.
	again := job("u", "1", "a")
	again.Verified = true
	commit(t, l, ledger.Batch{Documents: []ledger.Document{again}})
	equal(t, "Versions after it came again", versions(t, l, "u", "1")[0], erased)
	deletes := 0
	for _, a := range auditLog(t, l) {
		if a.Action == "delete" {
			deletes++
		}
	}
	equal(t, "deletions on record", deletes, 1)
}

// checkTotals holds the totals against what is counted one by one.
func checkTotals(t *testing.T, l *ledger.Ledger, stored, deleting int64) {
	t.Helper()
	counts, err := l.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "Counts", counts, ledger.Counts{Documents: stored, Bytes: stored * 98, ByKind: map[string]int64{"job": stored}, BytesByKind: map[string]int64{"job": stored * 98}})
	var documents, bytes int64
	if err := l.Writer().QueryRowContext(t.Context(), "SELECT documents, bytes FROM totals WHERE state = 'deleting'").Scan(&documents, &bytes); err != nil {
		t.Fatal(err)
	}
	equal(t, "the total of what is being deleted", []int64{documents, bytes}, []int64{deleting, deleting * 98})
}
