package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"logstow/archive/store"
	"logstow/export"
	"logstow/export/access"
	"logstow/export/queue"
	"logstow/export/web"
)

// resolved is what a token stands for.
type resolved struct {
	Status  string    `json:"status"`
	URL     string    `json:"presigned_url"`
	Expires time.Time `json:"expires_at"`
}

func (r *running) resolve(t testing.TB, key, token string) reply {
	t.Helper()
	return r.do(t, request{
		method: http.MethodPost, path: "/v1/tokens/resolve", key: key, body: fmt.Sprintf(`{"token":%q}`, token),
	})
}

// ready waits until a token's file is made.
func (r *running) ready(t testing.TB, key, token string) resolved {
	t.Helper()
	for {
		var got resolved
		fatal(t, json.Unmarshal([]byte(r.resolve(t, key, token).want(t, http.StatusOK).body), &got))
		switch got.Status {
		case "READY":
			return got
		case "IN_PROGRESS":
		default:
			t.Fatalf("status %q", got.Status)
		}
		if got.URL != "" {
			t.Fatalf("a URL while in progress: %+v", got)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// filled is a world with one job, and an export of it that is ready.
func filled(t *testing.T, change func(*web.Config, *web.Server)) (s *running, key string, m made, got resolved) {
	t.Helper()
	w := newWorld(t)
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	w.put(t, "a", "r", "one", at, job("a", "r", "one", at, 100))
	s = w.serve(t, change)
	key = w.key(t, "a", access.Export)
	m = s.createExport(t, key, `{"format":"text","jobs":["one"]}`)
	return s, key, m, s.ready(t, key, m.Token)
}

func TestFileFromOrderToDownload(t *testing.T) {
	s, key, m, got := filled(t, nil)
	if m.Size == nil || *m.Size != 100 || m.State != "created" {
		t.Errorf("created %+v", m)
	}
	if !strings.HasPrefix(got.URL, s.url+"/files/") || time.Until(got.Expires) < 50*time.Minute {
		t.Errorf("resolved to %+v", got)
	}
	whole := s.do(t, request{path: got.URL}).want(t, http.StatusOK) // without a key
	if n := strings.Count(whole.body, "\n"); n != 100 {
		t.Errorf("the file has %d lines: %.300s", n, whole.body)
	}
	for name, want := range map[string]string{
		"Content-Disposition":    "attachment; filename=r_one.log",
		"Content-Type":           "text/plain; charset=utf-8",
		"Referrer-Policy":        "no-referrer",
		"X-Content-Type-Options": "nosniff",
		"Accept-Ranges":          "bytes",
		"Content-Length":         fmt.Sprint(len(whole.body)),
	} {
		if h := whole.header.Get(name); h != want {
			t.Errorf("%s: %q, want %q", name, h, want)
		}
	}
	shown := s.do(t, request{path: "/v1/exports/" + m.ID, key: key}).want(t, http.StatusOK)
	for _, want := range []string{`"state":"ready"`, `"job_id":"one"`, `"lines":100`, fmt.Sprintf(`"size":%d`, len(whole.body))} {
		if !strings.Contains(shown.body, want) {
			t.Errorf("the export says not %s: %s", want, shown.body)
		}
	}
}

func TestFileInParts(t *testing.T) {
	s, _, _, got := filled(t, nil)
	whole := s.do(t, request{path: got.URL}).want(t, http.StatusOK)
	size, tag := len(whole.body), whole.header.Get("ETag")
	for _, tt := range []struct {
		header map[string]string
		status int
		want   string // of the content
	}{
		{map[string]string{"Range": "bytes=0-9"}, http.StatusPartialContent, whole.body[:10]},
		{map[string]string{"Range": "bytes=100-"}, http.StatusPartialContent, whole.body[100:]},
		{map[string]string{"Range": "bytes=-7"}, http.StatusPartialContent, whole.body[size-7:]},
		{map[string]string{"Range": "bytes=5-99999999"}, http.StatusPartialContent, whole.body[5:]},
		{map[string]string{"Range": "bytes=0-1,5-6"}, http.StatusOK, whole.body},
		{map[string]string{"Range": fmt.Sprintf("bytes=%d-", size)}, http.StatusRequestedRangeNotSatisfiable, ""},
		{map[string]string{"Range": "bytes=9-5"}, http.StatusRequestedRangeNotSatisfiable, ""},
		{map[string]string{"Range": "bytes=0-9", "If-Range": tag}, http.StatusPartialContent, whole.body[:10]},
		{map[string]string{"Range": "bytes=0-9", "If-Range": `"other"`}, http.StatusOK, whole.body},
		{map[string]string{"If-None-Match": tag}, http.StatusNotModified, ""},
	} {
		part := s.do(t, request{path: got.URL, header: tt.header})
		if part.status != tt.status || tt.want != "" && part.body != tt.want {
			t.Errorf("%v: %d with %d bytes, want %d with %d", tt.header, part.status, len(part.body), tt.status, len(tt.want))
		}
	}
	head := s.do(t, request{method: http.MethodHead, path: got.URL}).want(t, http.StatusOK)
	if head.header.Get("Content-Length") != fmt.Sprint(size) || head.body != "" {
		t.Errorf("HEAD: %v %q", head.header, head.body)
	}
}

func TestURLsThatAreNoGood(t *testing.T) {
	s, _, m, got := filled(t, nil)
	where, signature, ok := strings.Cut(got.URL, "?")
	if !ok {
		t.Fatalf("the URL %s has no query", got.URL)
	}
	for _, tampered := range []string{
		where, where + "?", where + "x?" + signature, where[:len(where)-1] + "?" + signature,
		got.URL + "0", got.URL[:len(got.URL)-1], strings.Replace(got.URL, m.ID, someExport, 1),
		s.url + "/files/a/jobs/r/20261120/one/a-r-one-20261120100000-succeeded.json?" + signature,
	} {
		got := s.do(t, request{path: tampered})
		if got.status != http.StatusForbidden || strings.Contains(got.body, "step") {
			t.Errorf("GET %s: %d %s", tampered, got.status, got.body)
		}
	}
	s.do(t, request{path: got.URL}).want(t, http.StatusOK)
	s.ahead.Store(int64(59 * time.Minute))
	s.do(t, request{path: got.URL}).want(t, http.StatusOK)
	s.ahead.Store(int64(61 * time.Minute))
	s.do(t, request{path: got.URL}).want(t, http.StatusForbidden)
}

func TestSweptFile(t *testing.T) {
	s, key, m, got := filled(t, nil)
	q, err := queue.New(queue.Config{Exporter: nopWriter{}, Store: s.store, Ledger: s.ledger})
	fatal(t, err)
	if _, err := q.Sweep(t.Context(), time.Now().Add(3*time.Hour)); err != nil {
		t.Fatal(err)
	}
	s.do(t, request{path: got.URL}).want(t, http.StatusNotFound)
	if a := s.resolve(t, key, m.Token); a.status/100 != 4 {
		t.Errorf("the token of a swept file: %d %s", a.status, a.body)
	}
}

// cutOff is a store whose objects break off in the middle.
type cutOff struct{ store.Store }

func (c cutOff) Get(ctx context.Context, key string, part store.Range) (io.ReadCloser, store.Info, error) {
	r, info, err := c.Store.Get(ctx, key, part)
	if err != nil {
		return nil, info, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(r, 1000), broken{}), r}, info, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, store.ErrUnavailable }

func TestFileThatBreaksOff(t *testing.T) {
	s, _, _, got := filled(t, func(c *web.Config, _ *web.Server) { c.Objects = cutOff{c.Objects.(store.Store)} })
	a := s.do(t, request{path: got.URL})
	if a.err == nil {
		t.Errorf("a file that the store broke off came whole: %d, %d bytes", a.status, len(a.body))
	}
}

func TestExportsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	s := w.serve(t, nil)
	key := w.key(t, "a", access.Export)
	for body, status := range map[string]int{
		`{"format":"pdf"}`:                      http.StatusBadRequest,
		`{}`:                                    http.StatusBadRequest,
		`{"format":"json","usr":"a"}`:           http.StatusBadRequest,
		`{"format":"json"`:                      http.StatusBadRequest,
		`[]`:                                    http.StatusBadRequest,
		`{"format":"json","user":"b"}`:          http.StatusNotFound,
		`{"format":"json","jobs":["x"]}`:        http.StatusNotFound,
		`{"format":"json","from":"yesterday"}`:  http.StatusBadRequest,
		`{"format":"json","max_lines":-1}`:      http.StatusBadRequest,
		`{"format":"json","level":"deafening"}`: http.StatusBadRequest,
	} {
		if got := s.do(t, request{method: http.MethodPost, path: "/v1/exports", key: key, body: body}); got.status != status {
			t.Errorf("POST %s: %d %s, want %d", body, got.status, got.body, status)
		}
	}
	plain := request{method: http.MethodPost, path: "/v1/exports", key: key, body: `{"format":"csv"}`, header: map[string]string{"Content-Type": "text/plain"}}
	s.do(t, plain).want(t, http.StatusUnsupportedMediaType)
}

// Two servers of one ledger: what one is asked for the other may make, and
// what one signs the other serves.
func TestTwoServers(t *testing.T) {
	w := newWorld(t)
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	w.put(t, "a", "r", "one", at, job("a", "r", "one", at, 3))
	one, two := w.serve(t, func(c *web.Config, _ *web.Server) { c.Wake = func() {} }), w.again(t).serve(t, nil)
	key := w.key(t, "a", access.Export)
	for range 10 {
		m := one.createExport(t, key, `{"format":"json","jobs":["one"]}`)
		url := two.ready(t, key, m.Token).URL
		here := one.do(t, request{path: strings.Replace(url, two.url, one.url, 1)}).want(t, http.StatusOK)
		there := two.do(t, request{path: url}).want(t, http.StatusOK)
		if here.body != there.body || !strings.Contains(here.body, "logMessage") {
			t.Errorf("one serves %q, two %q", here.body, there.body)
		}
	}
}

// nopWriter stands where nothing is to be written.
type nopWriter struct{}

func (nopWriter) Write(context.Context, io.Writer, export.Request, func(export.Progress)) (export.Progress, error) {
	panic("nothing is written here")
}
