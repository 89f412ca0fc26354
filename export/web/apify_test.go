package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"logstow/export/access"
)

// The user and the run of Apify's record among the testdata, and its log.
const (
	apifyUser = "7sT5jcggjjA9fNcxF"
	apifyRun  = "HG7ML7M8z78YcAPEB"
	apifyLog  = "2017-07-14T06:00:49.733Z Application started.\n" +
		"2017-07-14T06:00:49.741Z Input: { test: 123 }\n" +
		"2017-07-14T06:00:49.752Z Some useful debug information follows.\n"
)

// apifyRecord is a run of that user with the log.
func apifyRecord(t testing.TB, id, log string) []byte {
	t.Helper()
	record, err := json.Marshal(map[string]string{
		"id": id, "actId": "act", "userId": apifyUser, "status": "SUCCEEDED",
		"startedAt": "2026-01-02T03:04:05Z", "finishedAt": "2026-01-02T03:05:00Z", "log": log,
	})
	must(t, err)
	return record
}

func TestApifyLog(t *testing.T) {
	w := newLogWorld(t, -1)
	w.putFile(t, "apify/apify-run.json")
	key := w.key(t, apifyUser, access.Read)
	for _, path := range []string{
		"/v2/logs/" + apifyRun, "/v2/actor-runs/" + apifyRun + "/log", "/v2/actor-builds/" + apifyRun + "/log",
		"/v2/logs/" + apifyRun + "?stream=1", "/v2/logs/" + apifyRun + "?stream=true&raw=true", "/v2/logs/" + apifyRun + "?raw=1&download=0",
	} {
		a := w.get(t, path, key)
		if diff := cmp.Diff(apifyLog, a.body); diff != "" {
			t.Errorf("GET %s (-want +got):\n%s", path, diff)
		}
		if got := a.header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
			t.Errorf("GET %s: Content-Type %q", path, got)
		}
		if got := a.header.Get("Content-Disposition"); got != "" {
			t.Errorf("GET %s: Content-Disposition %q without download", path, got)
		}
	}
	a := w.get(t, "/v2/logs/"+apifyRun+"?download=true", key)
	if got, want := a.header.Get("Content-Disposition"), "attachment; filename="+apifyRun+".log"; got != want {
		t.Errorf("Content-Disposition %q, want %q", got, want)
	}
	a = w.ask(t, http.MethodHead, "/v2/logs/"+apifyRun, key)
	if a.status != http.StatusOK || a.body != "" || a.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("HEAD: %d %q %v", a.status, a.body, a.header)
	}
}

// What each form makes of a log that isn't as Apify's usually are.
func TestApifyForms(t *testing.T) {
	const odd = "no time yet\n" +
		"2026-01-02T03:04:06.1234567Z \x1b[33mWARN\x1b[39m micro\r\n" +
		"  at \x1b]8;;https://a.example\x07here\x1b]8;;\x07\n" +
		"2026-01-02T03:04:07Z seconds\n" +
		"\n" +
		"2026-01-02T03:04:08.5Z no end"
	w := newLogWorld(t, -1)
	w.put(t, apifyRecord(t, "odd", odd))
	w.put(t, apifyRecord(t, "empty", ""))
	key := w.key(t, "", access.Read)
	clean := strings.NewReplacer("\x1b[33m", "", "\x1b[39m", "", "\x1b]8;;https://a.example\x07", "", "\x1b]8;;\x07", "").Replace(odd)
	const stamped = "2026-01-02T03:04:05.000Z no time yet\n" +
		"2026-01-02T03:04:06.123Z WARN micro\n" +
		"2026-01-02T03:04:06.123Z   at here\n" +
		"2026-01-02T03:04:07.000Z seconds\n" +
		"2026-01-02T03:04:07.000Z \n" +
		"2026-01-02T03:04:08.500Z no end\n"
	for query, want := range map[string]string{
		"": clean, "?download=1": clean, "?raw=1": odd, "?raw=1&stream=1": odd, "?stream=1": stamped,
	} {
		if diff := cmp.Diff(want, w.get(t, "/v2/logs/odd"+query, key).body); diff != "" {
			t.Errorf("%q (-want +got):\n%s", query, diff)
		}
		if got := w.get(t, "/v2/logs/empty"+query, key).body; got != "" {
			t.Errorf("%q of an empty log: %q", query, got)
		}
	}
}

// What a log leaves open at the end of a line, or at its own, hides nothing.
func TestApifyLogLeftOpen(t *testing.T) {
	w := newLogWorld(t, -1)
	record := apifyRecord(t, "open", "2026-01-02T03:04:06.000Z a\x1b]0;never\n2026-01-02T03:04:07.000Z b\x1b[3\n2026-01-02T03:04:08.000Z cHALF")
	w.put(t, bytes.Replace(record, []byte("HALF"), []byte("\xc2"), 1)) // half a letter
	key := w.key(t, "", access.Read)
	const want = "2026-01-02T03:04:06.000Z a\n2026-01-02T03:04:07.000Z b\n2026-01-02T03:04:08.000Z c\xc2"
	for query, want := range map[string]string{"": want, "?stream=1": want + "\n"} {
		if got := w.get(t, "/v2/logs/open"+query, key).body; got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
}

// Each platform's jobs are read as text, and each line has its time to the
// millisecond, in a stream or not.
func TestApifyLogOfOtherPlatforms(t *testing.T) {
	w := newLogWorld(t, -1)
	key := w.key(t, "", access.Read)
	for _, name := range []string{
		"virtuousai/virtuousai-run.json", "talend/talend-execution.json", "workato/01-job-history-success.json", "ion/ion-execution-log.json",
	} {
		i := w.putFile(t, name)
		for _, query := range []string{"", "?stream=1", "?raw=1", "?raw=1&stream=1"} {
			body := w.get(t, "/v2/logs/"+url.PathEscape(i.Job)+query, key).body
			if body == "" || !strings.HasSuffix(body, "\n") {
				t.Errorf("%s%s: %q", name, query, body)
			}
			for line := range strings.Lines(body) {
				if !stampedEntry.MatchString(line) {
					t.Errorf("%s%s: a line without time and level: %q", name, query, line)
				}
			}
		}
	}
	const want = "2026-01-23T10:30:00.000Z INFO Starting extraction from klaviyo\n" +
		"2026-01-23T10:30:45.000Z INFO Completed profiles: 12,500 rows, 3 files\n" +
		"2026-01-23T10:32:20.000Z WARN SIGTERM received, saving checkpoint\n" +
		"2026-01-23T14:45:31.000Z INFO Run completed successfully in 4h 15m\n"
	if diff := cmp.Diff(want, w.get(t, "/v2/logs/run_abc123", key).body); diff != "" {
		t.Errorf("VirtuousAI's (-want +got):\n%s", diff)
	}
}

var stampedEntry = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z (TRACE|DEBUG|INFO|WARN|ERROR|FATAL) `)

// A stream comes in whole lines: wherever it was written, a line had ended.
func TestApifyStreamsWholeLines(t *testing.T) {
	var log strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&log, "2026-01-02T03:04:05.%03dZ \x1b[3%dmline %d\x1b[0m %s\n", i%1000, i%8, i, strings.Repeat("é", i%97))
	}
	fmt.Fprintf(&log, "2026-01-02T03:04:06.000Z %s\n", strings.Repeat("long ", 50_000))
	w := newLogWorld(t, -1)
	w.put(t, apifyRecord(t, "big", log.String()))
	key := w.key(t, "", access.Read)
	for _, query := range []string{"?stream=1", "?stream=1&raw=1"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v2/logs/big"+query, http.NoBody)
		r.Header.Set("Authorization", "Bearer "+key)
		written := &writes{ResponseWriter: httptest.NewRecorder()}
		w.server.Config.Handler.ServeHTTP(written, r)
		if got, want := bytes.Count(bytes.Join(written.all, nil), []byte("\n")), 20_001; got != want {
			t.Errorf("%s: %d lines, want %d", query, got, want)
		}
		if len(written.all) < 10 || written.flushes < len(written.all)-1 {
			t.Errorf("%s: %d writes and %d flushes: not streamed", query, len(written.all), written.flushes)
		}
		for i, piece := range written.all {
			if len(piece) > 0 && piece[len(piece)-1] != '\n' {
				t.Errorf("%s: write %d ends inside a line: …%q", query, i, piece[max(0, len(piece)-40):])
			}
		}
	}
}

// writes remembers each write.
type writes struct {
	http.ResponseWriter
	all     [][]byte
	flushes int
}

func (w *writes) Write(p []byte) (int, error) {
	w.all = append(w.all, bytes.Clone(p))
	return len(p), nil
}

func (w *writes) FlushError() error {
	w.flushes++
	return nil
}

func TestApifyErrors(t *testing.T) {
	w := newLogWorld(t, -1)
	w.putFile(t, "apify/apify-run.json")
	key, blind, foreign := w.key(t, apifyUser, access.Read), w.key(t, apifyUser, access.Export), w.key(t, "somebody", access.Read)
	const path = "/v2/logs/" + apifyRun
	const missing = `{"error":{"type":"record-not-found","message":"The requested resource was not found."}}`
	const method = `{"error":{"type":"method-not-allowed","message":"This API end-point can only be accessed using the following HTTP methods: OPTIONS,GET"}}`
	for _, c := range []struct {
		name, method, path, key string
		status                  int
		body                    string
	}{
		{"a bad flag", "GET", path + "?raw=yes", key, 400, `{"error":{"type":"invalid-input","message":"Invalid input: raw is \"yes\"; it may be 1 or true, 0 or false"}}`},
		{"an empty flag", "GET", path + "?stream=", key, 400, `{"error":{"type":"invalid-input","message":"Invalid input: stream is \"\"; it may be 1 or true, 0 or false"}}`},
		{"a flag twice", "GET", path + "?raw=1&raw=0", key, 400, `{"error":{"type":"invalid-input","message":"Invalid input: raw is given more than once"}}`},
		{"no key", "GET", path, "", 401, `{"error":{"type":"token-not-valid","message":"Authentication token is not valid."}}`},
		{"an unknown key", "GET", path, "nonsense", 401, `{"error":{"type":"token-not-valid","message":"Authentication token is not valid."}}`},
		{"a key that may not", "GET", path, blind, 403, `{"error":{"type":"permission-denied","message":"You do not have permission to perform this action."}}`},
		{"no such log", "GET", "/v2/logs/nothing", key, 404, missing},
		{"no such path", "GET", "/v2/nothing", key, 404, missing},
		{"somebody else's", "GET", path, foreign, 404, missing},
		{"somebody else's, named", "GET", path + "?user=" + apifyUser, foreign, 404, missing},
		{"POST", "POST", path, key, 405, method},
		{"DELETE", "DELETE", "/v2/actor-runs/" + apifyRun + "/log", key, 405, method},
	} {
		a := w.ask(t, c.method, c.path, c.key)
		if a.status != c.status || strings.TrimSpace(a.body) != c.body {
			t.Errorf("%s: %s %s: %d %s\nwant %d %s", c.name, c.method, c.path, a.status, a.body, c.status, c.body)
		}
		if got := a.header.Get("Content-Type"); got != "application/json; charset=utf-8" {
			t.Errorf("%s: Content-Type %q", c.name, got)
		}
	}
	if a := w.ask(t, http.MethodOptions, path, key); a.status != http.StatusNoContent || !strings.Contains(a.header.Get("Allow"), "GET") {
		t.Errorf("OPTIONS: %d %v", a.status, a.header)
	}
}

func TestApifyRateLimit(t *testing.T) {
	w := newLogWorld(t, 2)
	w.putFile(t, "apify/apify-run.json")
	key := w.key(t, apifyUser, access.Read)
	for range 50 {
		a := w.ask(t, http.MethodGet, "/v2/logs/"+apifyRun, key)
		if a.status == http.StatusOK {
			continue
		}
		const want = `{"error":{"type":"rate-limit-exceeded","message":"You have exceeded the rate limit. Please try again later."}}`
		if a.status != http.StatusTooManyRequests || strings.TrimSpace(a.body) != want || a.header.Get("Retry-After") == "" {
			t.Errorf("%d %v %s, want 429 with Retry-After and %s", a.status, a.header, a.body, want)
		}
		return
	}
	t.Error("50 requests, of 2 a minute, were all answered")
}

// A job of somebody else and one that nobody has are told by nothing.
func TestApifyTenants(t *testing.T) {
	w := newLogWorld(t, -1)
	w.putFile(t, "apify/apify-run.json")
	w.putFile(t, "virtuousai/virtuousai-run.json")
	sameForStrangers(t, w, apifyRun, []string{
		"/v2/logs/%s", "/v2/logs/%s?raw=1&stream=1&download=1", "/v2/actor-runs/%s/log", "/v2/actor-builds/%s/log", "/v2/logs/%s?user=" + apifyUser,
	})
}

// sameForStrangers compares what a key of another user gets for a job with what
// it gets for none.
func sameForStrangers(t *testing.T, w *logWorld, job string, paths []string) {
	t.Helper()
	stranger := w.key(t, "somebody", access.Permissions()...)
	for _, path := range paths {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
			there := w.ask(t, method, fmt.Sprintf(path, job), stranger)
			none := w.ask(t, method, fmt.Sprintf(path, "x"+job[1:]), stranger)
			for _, a := range []said{there, none} {
				a.header.Del("X-Request-Id")
				a.header.Del("Date")
			}
			if diff := cmp.Diff(none, there, cmp.AllowUnexported(said{})); diff != "" || there.status < 400 {
				t.Errorf("%s %s: %d; another job's answer differs from a missing one's:\n%s", method, path, there.status, diff)
			}
		}
	}
}

func FuzzApifyQuery(f *testing.F) {
	w := newLogWorld(f, -1)
	w.putFile(f, "apify/apify-run.json")
	key := w.key(f, apifyUser, access.Read)
	for _, query := range []string{"", "raw=1&stream=true&download=0", "raw=%zz", "raw=1;stream=1", "user=x&raw=2", "stream=&stream="} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url, http.NoBody)
		must(t, err)
		r.URL.Path, r.URL.RawQuery = "/v2/logs/"+apifyRun, query
		if _, err := url.ParseRequestURI(r.URL.RequestURI()); err != nil || strings.ContainsAny(query, " #") {
			t.Skip("no client can send this")
		}
		r.Header.Set("Authorization", "Bearer "+key)
		response := w.serve(r)
		switch body := response.Body.String(); response.Code {
		case http.StatusOK:
			if body != apifyLog {
				t.Errorf("?%s: 200 %q", query, body)
			}
		case http.StatusBadRequest, http.StatusNotFound:
			var e struct {
				Error struct{ Type, Message string }
			}
			if err := json.Unmarshal([]byte(body), &e); err != nil || e.Error.Type == "" || e.Error.Message == "" {
				t.Errorf("?%s: %d %s", query, response.Code, body)
			}
		default:
			t.Errorf("?%s: %d %s", query, response.Code, body)
		}
	})
}
