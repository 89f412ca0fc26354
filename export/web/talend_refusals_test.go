package web_test

import (
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/export"
	"logstow/export/web"
)

// refusal is the body of an answer that is no success.
type refusal struct {
	Status    int    `json:"status"`
	Message   string `json:"message"`
	RequestID string `json:"requestId"`
	Detail    string `json:"detail"`
}

// refused checks that an answer is a refusal, and returns what it says.
func refused(t testing.TB, a answer, status int) refusal {
	t.Helper()
	var r refusal
	a.into(t, &r)
	if a.status != status || r.Status != status || r.RequestID == "" || r.RequestID != a.header.Get("X-Request-Id") ||
		(r.Detail != "") != (status == http.StatusUnauthorized) {
		t.Errorf("%d %s, want a refusal with %d", a.status, a.body, status)
	}
	return r
}

func TestTalendTokenBodies(t *testing.T) {
	w := newTalendWorld(t, nil)
	w.put(t, talendJob(workspace, execution, []logged{{began, "one"}}))
	var f talendFile
	w.ask(t, w.all, http.MethodPost, logs(execution)).into(t, &f)
	w.fetch(t, execution, f.Token)
	quoted := `"` + f.Token + `"`
	tests := []struct {
		kind, body string
		status     int
	}{
		{"text/plain", f.Token, 200},
		{"text/plain; charset=UTF-8", " " + f.Token + "\r\n", 200},
		{"TEXT/PLAIN", f.Token, 200},
		{"application/json", quoted, 200},
		{"application/json; charset=utf-8", "\n" + quoted + " ", 200},
		{"application/json", `"\u006c` + f.Token[1:] + `"`, 200},
		{"text/plain", quoted, 404},
		{"application/json", f.Token, 400},
		{"application/json", `{"token":` + quoted + `}`, 400},
		{"application/json", `[` + quoted + `]`, 400},
		{"application/json", quoted + quoted, 400},
		{"application/json", ` null `, 400},
		{"application/json", `""`, 400},
		{"application/json", "", 400},
		{"text/plain", " \n", 400},
		{"", f.Token, 400},
		{"text/html", f.Token, 400},
		{"application/x-www-form-urlencoded", f.Token, 400},
		{"text/plain;;", f.Token, 400},
		{"text/plain", strings.Repeat("x", 5000), 400},
		{"text/plain", strings.Repeat("x", 100_000), 400},
		{"text/plain", "\x00\xff", 404},
	}
	for _, test := range tests {
		a := w.send(t, w.all, http.MethodPost, logs(execution)+"/status", test.kind, test.body)
		if test.status != http.StatusOK {
			refused(t, a, test.status)
			continue
		}
		var s fileStatus
		if a.into(t, &s); a.status != http.StatusOK || s.Status != "READY" || s.URL == "" {
			t.Errorf("%s %.80q: %d %s, want READY", test.kind, test.body, a.status, a.body)
		}
	}
}

func FuzzTalendTokenBodies(f *testing.F) {
	w := newTalendWorld(f, nil)
	w.put(f, talendJob(workspace, execution, []logged{{began, "one"}}))
	f.Add("text/plain", "lst_unknown")
	f.Add("application/json", `"lst_unknown"`)
	f.Add("application/json; charset=utf-16", `{"a":"\ud800"}`)
	f.Fuzz(func(t *testing.T, kind, body string) {
		if strings.ContainsFunc(kind, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
			return // no client sends it
		}
		a := w.send(t, w.all, http.MethodPost, logs(execution)+"/status", kind, body)
		if a.status != http.StatusBadRequest && a.status != http.StatusNotFound {
			t.Errorf("%q %q: %d %s", kind, body, a.status, a.body)
		}
	})
}

// The owner of a token is told what became of it; nobody else is.
func TestTalendTokensThatAreNoLongerGood(t *testing.T) {
	w := newTalendWorld(t, nil)
	const other = "11111111-2222-4333-8444-555555555555"
	w.put(t, talendJob(workspace, execution, []logged{{began, "one"}}))
	w.put(t, talendJob(workspace, other, []logged{{began, "two"}}))
	stranger := w.key(t, "somebody else", "read", "export")
	sibling := w.key(t, workspace, "read", "export")
	ask := func(key, id, token string) answer {
		return w.send(t, key, http.MethodPost, logs(id)+"/status", "text/plain", token)
	}
	create := func(id string) string {
		var f talendFile
		w.ask(t, w.all, http.MethodPost, logs(id)).into(t, &f)
		return f.Token
	}
	token := create(execution)
	w.fetch(t, execution, token)
	unknown := refused(t, ask(w.all, execution, "lst_unknown"), http.StatusNotFound).Message
	for _, a := range []answer{
		ask(w.all, other, token), ask(stranger, execution, token), ask(sibling, execution, token),
		ask(w.all, "no-such-job", token), ask(stranger, "no-such-job", "lst_unknown"),
	} {
		if got := refused(t, a, http.StatusNotFound).Message; got != unknown {
			t.Errorf("a token of another is told apart: %q and %q", got, unknown)
		}
	}

	tokens, err := w.ledger.Tokens(t.Context(), ledger.ExportQuery{Limit: 1})
	fatal(t, err)
	fatal(t, w.ledger.RevokeToken(t.Context(), tokens[0].ID, time.Now(), ledger.AuditEntry{At: time.Now(), Action: "revoke", Outcome: "ok"}))
	revoked := refused(t, ask(w.all, execution, token), http.StatusForbidden).Message
	refused(t, ask(stranger, execution, token), http.StatusNotFound)

	late := create(other)
	w.fetch(t, other, late)
	w.ahead.Store(int64(2 * time.Hour))
	expired := refused(t, ask(w.all, other, late), http.StatusBadRequest).Message
	refused(t, ask(stranger, other, late), http.StatusNotFound)
	if revoked == expired || revoked == unknown || expired == unknown {
		t.Errorf("unknown, revoked and expired tokens: %q, %q, %q; want different answers", unknown, revoked, expired)
	}
}

func TestTalendFileThatCannotBeMade(t *testing.T) {
	w := newTalendWorld(t, nil)
	info := w.put(t, talendJob(workspace, execution, []logged{{began, "one"}}))
	versions, err := w.ledger.ByJob(t.Context(), info.User, info.Job)
	fatal(t, err)
	fatal(t, w.store.Delete(t.Context(), versions[0].Key))
	refused(t, w.ask(t, w.all, http.MethodGet, logs(execution)), http.StatusInternalServerError)
	var f talendFile
	w.ask(t, w.all, http.MethodPost, logs(execution)).into(t, &f)
	for {
		a := w.send(t, w.all, http.MethodPost, logs(execution)+"/status", "text/plain", f.Token)
		if a.status == http.StatusOK {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		if m := refused(t, a, http.StatusInternalServerError).Message; !strings.Contains(m, "archived") {
			t.Errorf("the file can't be made: %q, want why", m)
		}
		break
	}
}

func TestTalendDelete(t *testing.T) {
	w := newTalendWorld(t, nil)
	w.put(t, talendJob(workspace, execution, []logged{{began, "one"}}))
	w.put(t, talendJob(workspace, "4711", []logged{{began, "one"}}))
	for _, id := range []string{"4711", "AEC20220F74546DA6A5E0B6DFE083EEE5", execution + "0", "aec20220-f745-4da6-a5e0-b6dfe083eeg5", "%2e%2e"} {
		refused(t, w.ask(t, w.all, http.MethodDelete, logs(id)), http.StatusBadRequest)
	}
	if len(w.eraser.jobs) > 0 {
		t.Fatalf("erased %v", w.eraser.jobs)
	}
	deleted := func() answer { return w.ask(t, w.all, http.MethodDelete, logs(execution)) }
	if a := deleted(); a.status != http.StatusOK || strings.TrimSpace(string(a.body)) != "{}" {
		t.Errorf("DELETE: %d %s, want 200", a.status, a.body)
	}
	got := w.eraser.jobs[0]
	if got.User != workspace || got.Recipe != task || got.ID != execution || len(got.Versions) != 1 {
		t.Errorf("DELETE erased %+v", got)
	}

	w.eraser.erase = func(export.Job) error {
		return errors.Join(errors.New("object one is deleted, object two is retained until 2030"), store.ErrUnavailable)
	}
	a := deleted()
	if m := refused(t, a, http.StatusInternalServerError).Message; !strings.Contains(m, "delete again") || strings.Contains(m, "object") {
		t.Errorf("DELETE that stopped half way: %q, want how to go on, and nothing of the store", m)
	}
	if a.header.Get("Retry-After") == "" {
		t.Error("DELETE of a store out of reach: no Retry-After")
	}
	entries, err := w.ledger.AuditLog(t.Context(), ledger.AuditQuery{Limit: 1})
	fatal(t, err)
	if len(entries) != 1 || entries[0].Action != "delete" || entries[0].Job != execution || entries[0].User != workspace ||
		entries[0].Outcome == "ok" || entries[0].Key == 0 || !strings.Contains(entries[0].Detail, "retained") {
		t.Errorf("audit log: %+v, want the deletion that failed", entries)
	}
}

// What is not kept any more may have been deleted by half: only the eraser
// knows.
func TestTalendDeleteOfWhatIsGone(t *testing.T) {
	w := newTalendWorld(t, nil)
	if a := w.ask(t, w.all, http.MethodDelete, logs(execution)); a.status != http.StatusOK {
		t.Errorf("DELETE of what is erased already: %d %s, want 200", a.status, a.body)
	}
	want := []export.Job{{User: workspace, ID: execution}}
	if diff := gocmp.Diff(want, w.eraser.jobs); diff != "" {
		t.Errorf("asked the eraser for (-want +got):\n%s", diff)
	}
	w.eraser.erase = func(export.Job) error { return fs.ErrNotExist }
	refused(t, w.ask(t, w.all, http.MethodDelete, logs(execution)), http.StatusNotFound)
	refused(t, w.ask(t, w.all, http.MethodDelete, logs(execution)+"?user=somebody"), http.StatusNotFound)
	if len(w.eraser.jobs) != 2 {
		t.Errorf("asked the eraser for %v", w.eraser.jobs)
	}
}

// For every route, a key of another user gets exactly what a missing job gets.
func TestTalendTenants(t *testing.T) {
	w := newTalendWorld(t, nil)
	w.put(t, talendJob(workspace, execution, []logged{{began, "one"}}))
	w.eraser.erase = func(job export.Job) error {
		if job.User == workspace {
			return nil
		}
		return fs.ErrNotExist
	}
	const missing = "00000000-0000-4000-8000-000000000000"
	stranger := w.key(t, "somebody else", "read", "export", "delete", "admin")
	var f talendFile
	w.ask(t, w.all, http.MethodPost, logs(execution)).into(t, &f)
	for _, route := range []struct{ method, suffix string }{
		{http.MethodGet, ""},
		{http.MethodGet, "?count=1"},
		{http.MethodGet, "?user=" + workspace},
		{http.MethodPost, ""},
		{http.MethodPost, "?fileFormat=TEXT&user=" + workspace},
		{http.MethodPost, "/status"},
		{http.MethodDelete, ""},
		{http.MethodDelete, "?user=" + workspace},
	} {
		path, query, _ := strings.Cut(route.suffix, "?")
		theirs := w.send(t, stranger, route.method, logs(execution)+path+"?"+query, "text/plain", f.Token)
		none := w.send(t, stranger, route.method, logs(missing)+path+"?"+query, "text/plain", f.Token)
		if theirs.status != http.StatusNotFound {
			t.Errorf("%s %s: %d, want 404", route.method, route.suffix, theirs.status)
		}
		if diff := gocmp.Diff(anonymous(none), anonymous(theirs)); diff != "" {
			t.Errorf("%s %s: another's job (+) isn't as a missing one (-):\n%s", route.method, route.suffix, diff)
		}
	}
}

// anonymous is what remains of an answer without what differs between any two.
func anonymous(a answer) map[string]any {
	id := a.header.Get("X-Request-Id")
	header := a.header.Clone()
	header.Del("X-Request-Id")
	header.Del("Date")
	return map[string]any{"status": a.status, "header": header, "body": strings.ReplaceAll(string(a.body), id, "ID")}
}

func TestTalendRefusals(t *testing.T) {
	w := newTalendWorld(t, nil)
	w.put(t, talendJob(workspace, execution, []logged{{began, "one"}}))
	none := w.key(t, workspace, "admin")
	for _, route := range []struct{ method, path string }{
		{http.MethodGet, logs(execution)},
		{http.MethodPost, logs(execution)},
		{http.MethodDelete, logs(execution)},
		{http.MethodPost, logs(execution) + "/status"},
	} {
		refused(t, w.ask(t, "", route.method, route.path), http.StatusUnauthorized)
		refused(t, w.ask(t, "lsk_unknown", route.method, route.path), http.StatusUnauthorized)
		refused(t, w.ask(t, none, route.method, route.path), http.StatusForbidden)
	}
	refused(t, w.ask(t, w.all, http.MethodPut, logs(execution)), http.StatusMethodNotAllowed)
	refused(t, w.ask(t, w.all, http.MethodGet, logs(execution)+"/status"), http.StatusMethodNotAllowed)

	w.store.down.Store(true)
	if a := w.ask(t, w.all, http.MethodGet, logs(execution)); a.header.Get("Retry-After") == "" {
		t.Errorf("GET from a store out of reach: %d %s without Retry-After", a.status, a.body)
	} else {
		refused(t, a, http.StatusInternalServerError)
	}
}

func TestTalendRate(t *testing.T) {
	w := newTalendWorld(t, func(c *web.Config) { c.RatePerMinute = 2 })
	w.put(t, talendJob(workspace, execution, []logged{{began, "one"}}))
	for range 2 {
		w.ask(t, w.all, http.MethodGet, logs(execution))
	}
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		a := w.ask(t, w.all, method, logs(execution))
		if refused(t, a, http.StatusTooManyRequests); a.header.Get("Retry-After") == "" {
			t.Errorf("%s: 429 without Retry-After", method)
		}
	}
}

// An id that several users have is refused with what to add.
func TestTalendAmbiguousJob(t *testing.T) {
	w := newTalendWorld(t, nil)
	w.put(t, talendJob(workspace, execution, []logged{{began, "mine"}}))
	w.put(t, talendJob("another", execution, []logged{{began, "theirs"}}))
	everybody := w.key(t, "", "read", "export", "delete")
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		a := w.ask(t, everybody, method, logs(execution))
		if m := refused(t, a, http.StatusBadRequest).Message; !strings.Contains(m, "user=") {
			t.Errorf("%s: %q, want what to add", method, m)
		}
	}
	var p page
	w.ask(t, everybody, http.MethodGet, logs(execution)+"?user=another").into(t, &p)
	if len(p.Data) != 1 || p.Data[0].Message != "theirs" {
		t.Errorf("GET ?user=another: %+v", p)
	}
	w.ask(t, w.all, http.MethodGet, logs(execution)).into(t, &p)
	if len(p.Data) != 1 || p.Data[0].Message != "mine" {
		t.Errorf("GET by a key of one user: %+v", p)
	}
}
