package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/export/access"
	"logstow/export/web"
	"logstow/layout/jobfile"
)

// The user and the run of VirtuousAI's record among the testdata.
const (
	virtuousUser = "org_4f9a21"
	virtuousRun  = "run_abc123"
	virtuousLogs = "/api/v1/action-runs/" + virtuousRun + "/logs"
)

// entryPage is what a list answers.
type entryPage struct {
	Logs                 []map[string]any
	Total, Limit, Offset int
	HasNext              bool
}

func (w *logWorld) page(t testing.TB, path, key string) entryPage {
	t.Helper()
	a := w.get(t, path, key)
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("GET %s: Content-Type %q", path, got)
	}
	var p entryPage
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		t.Fatalf("GET %s: %v: %s", path, err, a.body)
	}
	return p
}

func ids(entries []map[string]any) []string {
	all := []string{}
	for _, e := range entries {
		all = append(all, fmt.Sprint(e["id"]))
	}
	return all
}

// The entries of VirtuousAI's own records are the stored ones, member for
// member.
func TestVirtuousLogs(t *testing.T) {
	w := newLogWorld(t, -1)
	w.putFile(t, "virtuousai/virtuousai-run.json")
	key := w.key(t, virtuousUser, access.Read)
	body := w.get(t, virtuousLogs, key).body
	const first = `{"logs":[{"id":"log_xyz786","level":"info","event":"extraction_started","message":"Starting extraction from klaviyo",` +
		`"data":{"resources":["profiles","events","lists"]},"worker_id":"worker-abc-123","attempt":1,"occurred_at":"2026-01-23T10:30:00Z"},{`
	const last = `}],"total":4,"limit":100,"offset":0,"hasNext":false}` + "\n"
	if !strings.HasPrefix(body, first) || !strings.HasSuffix(body, last) {
		t.Errorf("got %s\nwant %s…%s", body, first, last)
	}
	if got := w.ask(t, http.MethodGet, virtuousLogs, "", "X-API-Key", key); got.body != body {
		t.Errorf("with X-API-Key: %d %s", got.status, got.body)
	}
	all := []string{"log_xyz786", "log_xyz789", "log_xyz812", "log_xyz990"}
	for query, want := range map[string]entryPage{
		"?level=info":               {Total: 4, Limit: 100},
		"?level=warning":            {Total: 1, Limit: 100},
		"?level=error":              {Total: 0, Limit: 100},
		"?limit=2":                  {Total: 4, Limit: 2, HasNext: true},
		"?limit=2&offset=2":         {Total: 4, Limit: 2, Offset: 2},
		"?limit=1&offset=2":         {Total: 4, Limit: 1, Offset: 2, HasNext: true},
		"?limit=2&offset=3":         {Total: 4, Limit: 2, Offset: 3},
		"?offset=4":                 {Total: 4, Limit: 100, Offset: 4},
		"?offset=9007199254740992":  {Total: 4, Limit: 100, Offset: 9007199254740992},
		"?level=WARNING&limit=1000": {Total: 1, Limit: 1000},
	} {
		got := w.page(t, virtuousLogs+query, key)
		wantIDs := all[min(want.Offset, len(all)):min(want.Offset+want.Limit, len(all))]
		if strings.EqualFold(query[:7], "?level=") && want.Total < 4 {
			wantIDs = []string{"log_xyz812"}[:want.Total]
		}
		if diff := cmp.Diff(wantIDs, ids(got.Logs)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
		got.Logs = nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}

// Whatever the size of its pages, a list has each entry once.
func TestVirtuousPages(t *testing.T) {
	w := newLogWorld(t, -1)
	w.put(t, virtuousRecord(t, "pages", 53))
	key := w.key(t, "", access.Read)
	const path = "/api/v1/action-runs/pages/logs"
	for _, level := range []string{"", "&level=warning", "&level=error"} {
		whole := w.page(t, path+"?limit=1000"+level, key)
		for limit := 1; limit <= 54; limit += 6 {
			var got []string
			for next := true; next; {
				p := w.page(t, fmt.Sprintf("%s?limit=%d&offset=%d%s", path, limit, len(got), level), key)
				got = append(got, ids(p.Logs)...)
				if next = p.HasNext; p.Total != len(whole.Logs) || next && len(p.Logs) != limit {
					t.Fatalf("limit %d%s: total %d, %d entries, hasNext %v", limit, level, p.Total, len(p.Logs), p.HasNext)
				}
			}
			if diff := cmp.Diff(ids(whole.Logs), got); diff != "" {
				t.Errorf("limit %d%s (-whole +pages):\n%s", limit, level, diff)
			}
		}
	}
}

// virtuousRecord is a run of n entries, of all levels, some with text that
// could be taken for the frames of a stream.
func virtuousRecord(t testing.TB, id string, n int) []byte {
	t.Helper()
	entries := []any{}
	for i := range n {
		entries = append(entries, map[string]any{
			"id": fmt.Sprintf("log_%d", i), "level": []string{"info", "warning", "error"}[i%3], "event": "e",
			"message": "one\n\ndata: two\r\rid: 7\n\n", "data": map[string]any{"n": i}, "worker_id": "w", "attempt": 1,
			"occurred_at": time.Date(2026, 1, 2, 3, 4, i%60, 0, time.UTC),
		})
	}
	record, err := json.MarshalIndent(map[string]any{
		"id": id, "action_id": "act", "organization_id": virtuousUser, "status": "failed",
		"completed_at": "2026-01-02T03:05:00Z", "logs": entries,
	}, "", "\r\n\t")
	must(t, err)
	return record
}

// The lines of other platforms become entries with the same members.
func TestVirtuousLogsOfOtherPlatforms(t *testing.T) {
	w := newLogWorld(t, -1)
	key := w.key(t, "", access.Read)
	for _, name := range []string{
		"apify/apify-run.json", "talend/talend-execution.json", "workato/01-job-history-success.json", "ion/ion-execution-log.json",
	} {
		i := w.putFile(t, name)
		p := w.page(t, "/api/v1/action-runs/"+url.PathEscape(i.Job)+"/logs", key)
		if len(p.Logs) == 0 {
			t.Errorf("%s: no entries", name)
		}
		for n, e := range p.Logs {
			if e["id"] != fmt.Sprint(n) || e["message"] == "" || e["level"] != "info" && e["level"] != "warning" && e["level"] != "error" {
				t.Errorf("%s: entry %d: %v", name, n, e)
			}
			members := []string{"id", "level", "event", "message", "data", "worker_id", "attempt", "occurred_at"}
			for _, member := range members {
				if _, ok := e[member]; !ok {
					t.Errorf("%s: entry %d has no %s: %v", name, n, member, e)
				}
			}
			if len(e) != len(members) {
				t.Errorf("%s: entry %d: %v", name, n, e)
			}
		}
	}
	got := w.page(t, "/api/v1/action-runs/"+apifyRun+"/logs?limit=1&offset=1", key).Logs
	want := []map[string]any{{
		"id": "1", "level": "info", "event": "", "message": "Input: { test: 123 }", "data": nil,
		"worker_id": nil, "attempt": nil, "occurred_at": "2017-07-14T06:00:49.741Z",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Apify's (-want +got):\n%s", diff)
	}
}

// An entry that comes in pieces is one JSON value on one line.
func TestEntryInPieces(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.UTC)
	long := func(pieces ...jobfile.Line) []jobfile.Line {
		for i := range pieces {
			pieces[i].Index, pieces[i].Time, pieces[i].Level, pieces[i].More = 7, at, jobfile.Fatal, i < len(pieces)-1
		}
		return pieces
	}
	for _, c := range []struct {
		name     string
		platform string
		lines    []jobfile.Line
		want     string
	}{
		{
			"VirtuousAI's", "virtuousai",
			long(jobfile.Line{Raw: []byte("{ \"id\" : \"a\\\"")}, jobfile.Line{Raw: []byte(" b\\\\\" ,\r\n \"n\": 1.50")}, jobfile.Line{Raw: []byte("0 }")}),
			`{"id":"a\" b\\","n":1.500}`,
		},
		{
			"a text", "apify",
			long(
				jobfile.Line{Text: true, Raw: []byte("T one"), Message: []byte("one \"x\"\n")},
				jobfile.Line{Text: true, Raw: []byte("two"), Message: []byte("two\xff\x01")},
			),
			`{"id":"7","level":"error","event":"","worker_id":null,"attempt":null,"occurred_at":"2026-01-02T03:04:05.6Z","data":null,"message":"one \"x\"\ntwo` + "\uFFFD" + `\u0001"}`,
		},
		{
			"a step", "workato",
			long(
				jobfile.Line{Event: []byte("a.b"), Raw: []byte("{\"a\":\n"), Message: []byte("m")},
				jobfile.Line{Event: []byte("a.b"), Raw: []byte("\"\n\"}")},
			),
			`{"id":"7","level":"error","event":"a.b","worker_id":null,"attempt":null,"occurred_at":"2026-01-02T03:04:05.6Z","data":{"a":"\n"},"message":"m"}`,
		},
	} {
		got := web.EntryOf(jobfile.Info{Platform: c.platform}, c.lines...)
		if got != c.want || !json.Valid([]byte(got)) {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestVirtuousErrors(t *testing.T) {
	w := newLogWorld(t, -1)
	w.putFile(t, "virtuousai/virtuousai-run.json")
	key, blind, foreign := w.key(t, virtuousUser, access.Read), w.key(t, virtuousUser, access.Export), w.key(t, "somebody", access.Read)
	for _, c := range []struct {
		name, method, path, key string
		status                  int
		title, detail           string
	}{
		{"a bad level", "GET", virtuousLogs + "?level=debug", key, 400, "Bad Request", `level is "debug"; it may be info, warning or error`},
		{"no level", "GET", virtuousLogs + "/stream?level=", key, 400, "Bad Request", `level is ""; it may be info, warning or error`},
		{"a level twice", "GET", virtuousLogs + "?level=info&level=info", key, 400, "Bad Request", "level is given more than once"},
		{"a limit of none", "GET", virtuousLogs + "?limit=0", key, 400, "Bad Request", `limit is "0"; it is a number from 1 to 1000`},
		{"a limit that is no number", "GET", virtuousLogs + "?limit=ten", key, 400, "Bad Request", `limit is "ten"; it is a number from 1 to 1000`},
		{"an offset below none", "GET", virtuousLogs + "?offset=-1", key, 400, "Bad Request", `offset is "-1"; it is a number from 0 to 9007199254740992`},
		{"no key", "GET", virtuousLogs, "", 401, "Unauthorized", "no API key: send it as Authorization: Bearer KEY or X-API-Key: KEY"},
		{"a key that may not", "GET", virtuousLogs, blind, 403, "Forbidden", "this key lacks the permission read"},
		{"no such run", "GET", "/api/v1/action-runs/nothing/logs", key, 404, "Not Found", "no such job"},
		{"no such run to stream", "GET", "/api/v1/action-runs/nothing/logs/stream", key, 404, "Not Found", "no such job"},
		{"somebody else's", "GET", virtuousLogs + "/stream", foreign, 404, "Not Found", "no such job"},
		{"no such path", "GET", "/api/v1/nothing", key, 404, "Not Found", "there is nothing at this path"},
		{"POST", "POST", virtuousLogs, key, 405, "Method Not Allowed", "POST is not possible here; use one of GET, HEAD, OPTIONS"},
	} {
		a := w.ask(t, c.method, c.path, c.key)
		want := fmt.Sprintf("{\"type\":\"about:blank\",\"title\":%q,\"status\":%d,\"detail\":%q}\n", c.title, c.status, c.detail)
		if a.status != c.status || a.body != want {
			t.Errorf("%s: %s %s: %d %s\nwant %d %s", c.name, c.method, c.path, a.status, a.body, c.status, want)
		}
		if got := a.header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%s: Content-Type %q", c.name, got)
		}
	}
}

func TestVirtuousTenants(t *testing.T) {
	w := newLogWorld(t, -1)
	w.putFile(t, "virtuousai/virtuousai-run.json")
	sameForStrangers(t, w, virtuousRun, []string{
		"/api/v1/action-runs/%s/logs", "/api/v1/action-runs/%s/logs?level=error&limit=1", "/api/v1/action-runs/%s/logs/stream",
		"/api/v1/action-runs/%s/logs?user=" + virtuousUser,
	})
	stranger := w.key(t, "somebody", access.Read)
	there := w.ask(t, http.MethodGet, virtuousLogs+"/stream", stranger, "Last-Event-ID", "end")
	if there.status != http.StatusNotFound {
		t.Errorf("the end of another user's stream: %d %s", there.status, there.body)
	}
}

func FuzzVirtuousQuery(f *testing.F) {
	w := newLogWorld(f, -1)
	w.putFile(f, "virtuousai/virtuousai-run.json")
	key := w.key(f, virtuousUser, access.Read)
	for _, query := range []string{"", "level=warning&limit=1&offset=1", "limit=%zz", "limit=99999999999999999999", "offset=+1", "level=info;limit=2"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url, http.NoBody)
		must(t, err)
		r.URL.Path, r.URL.RawQuery = virtuousLogs, query
		r.Header.Set("Authorization", "Bearer "+key)
		response := w.serve(r)
		body := response.Body.Bytes()
		if !json.Valid(body) || bytes.Count(body, []byte("\n")) != 1 {
			t.Errorf("?%s: %d %s", query, response.Code, body)
		}
		switch response.Code {
		case http.StatusOK, http.StatusBadRequest, http.StatusNotFound:
		default:
			t.Errorf("?%s: %d %s", query, response.Code, body)
		}
	})
}
