package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store/storetest/gateway"
)

const exportedJob = `{"id":8,"account_id":1,"recipe_id":5,"status":"failed","completed_at":"2026-11-21T11:00:00Z","lines":[1.0, 1e3, "é"]}`

const exportedText = "2026-11-21T11:00:00.000Z INFO 1.0\n2026-11-21T11:00:00.000Z INFO 1e3\n2026-11-21T11:00:00.000Z INFO é\n"

// archived is a store on an S3 server with one job, and the ledger of it.
type archived struct {
	store  string
	ledger string

	// stall, where not nil, is called instead of reading a document, which
	// then never comes.
	stall atomic.Pointer[func()]
}

func archiveOne(t *testing.T) *archived {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_STATE_HOME", dir)
	g := gateway.Start(t, gateway.Options{})
	g.Setenv(t)
	w := &archived{ledger: filepath.Join(dir, "ledger.db")}
	w.store = strings.Replace(g.URL("prefix"), url.QueryEscape(g.Endpoint), url.QueryEscape(w.proxy(t, g)), 1)
	input := filepath.Join(dir, "jobs.ndjson")
	if err := os.WriteFile(input, []byte(exportedJob+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.run(t, exitOK, nil, "archive", input, "-q")
	return w
}

// run runs a command and returns what it printed on both streams.
func (w *archived) run(t *testing.T, want exitStatus, in io.Reader, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	a := &app{in: in, out: &out, err: &err}
	args = append(args, "--store", w.store, "--ledger", w.ledger)
	if got := a.run(t.Context(), args); got != want {
		t.Fatalf("%q ended with status %d, want %d\n%s", args, got, want, err.String())
	}
	return out.String(), err.String()
}

// exports is what the ledger has of exports.
func (w *archived) exports(t *testing.T) []ledger.Export {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{Path: w.ledger, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	all, err := l.Exports(t.Context(), ledger.ExportQuery{})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A token becomes a URL of the bucket, which anybody can fetch, and neither is
// in the log or in the ledger.
func TestExportFromS3(t *testing.T) {
	w := archiveOne(t)
	printed, logged := w.run(t, exitOK, nil, "export", "8", "--log-level", "debug")
	resolved, more := w.run(t, exitOK, strings.NewReader(printed), "token", "resolve", "-", "--json", "--log-level", "debug")
	var answer struct {
		Status  string    `json:"status"`
		URL     string    `json:"presigned_url"`
		Expires time.Time `json:"expires_at"`
	}
	if err := json.Unmarshal([]byte(resolved), &answer); err != nil || answer.Status != "READY" {
		t.Fatalf("token resolve prints %s (%v)", resolved, err)
	}
	if left := time.Until(answer.Expires); left < 50*time.Minute || left > time.Hour {
		t.Errorf("the URL ends in %v, want 60 minutes", left)
	}
	resp, err := http.Get(answer.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || string(body) != exportedText {
		t.Errorf("the URL answers %s %q, %v, want the log", resp.Status, body, err)
	}
	if got := resp.Header.Get("Content-Disposition"); got != "attachment; filename=5_8.log" {
		t.Errorf("the file is %q, want one called 5_8.log", got)
	}
	text := strings.TrimSpace(printed)
	_, signature, signed := strings.Cut(answer.URL, "X-Amz-Signature=")
	if !signed {
		t.Errorf("the URL %s is not presigned", answer.URL)
	}
	for _, secret := range []string{text, text[4:], signature} {
		if strings.Contains(logged+more, secret) {
			t.Errorf("the log has %s:\n%s%s", secret, logged, more)
		}
	}
	files, err := filepath.Glob(w.ledger + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of the ledger: %v", err)
	}
	for _, file := range files {
		if b, err := os.ReadFile(file); err != nil || bytes.Contains(b, []byte(text[4:])) {
			t.Errorf("%s has the token (%v)", file, err)
		}
	}
}

// cancelling is a writer that ends a context with the first byte.
type cancelling struct{ cancel context.CancelFunc }

func (c cancelling) Write(b []byte) (int, error) {
	c.cancel()
	return 0, context.Canceled
}

// Whoever interrupts an export gets nothing, and the export is cancelled: while
// it is made, and while it is downloaded.
func TestInterruptedExportIsCancelled(t *testing.T) {
	w := archiveOne(t)
	for _, stalls := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if interrupt := func() { cancel() }; stalls {
			w.stall.Store(&interrupt)
		} else {
			w.stall.Store(nil)
		}
		var stderr bytes.Buffer
		a := &app{out: cancelling{cancel}, err: &stderr}
		got := a.run(ctx, []string{"export", "8", "-o", "-", "--store", w.store, "--ledger", w.ledger})
		if got != exitInterrupted || !strings.HasSuffix(stderr.String(), "logstow: interrupted; the export is cancelled\n") {
			t.Errorf("an interrupted export ends with status %d, want %d\n%s", got, exitInterrupted, stderr.String())
		}
		if all := w.exports(t); len(all) == 0 || all[0].State != ledger.ExportCancelled {
			t.Errorf("the exports are %+v, want the newest cancelled", all)
		}
	}
	if all := w.exports(t); len(all) != 2 {
		t.Errorf("there are %d exports, want 2", len(all))
	}
}

// proxy stands before an S3 server, and returns its URL.
func (w *archived) proxy(t *testing.T, g *gateway.Gateway) string {
	t.Helper()
	target, err := url.Parse(g.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}}
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if stall := w.stall.Load(); stall != nil && r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, ".json") {
			(*stall)()
			<-r.Context().Done()
			return
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}
