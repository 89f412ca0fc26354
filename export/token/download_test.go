package token_test

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/dirstore"
	"logstow/archive/store/s3store"
	"logstow/archive/store/storetest/gateway"
	"logstow/export/token"
	"logstow/layout"
)

const content = "2026-11-21T10:00:00.000Z INFO hello\n"

// download is an export that is ready and has a file in a store.
type download struct {
	tokens *token.Tokens
	text   string
}

// prepare makes a file and a token that opens it. Now is the real time: it is
// a real server that says whether a URL is over.
func prepare(t *testing.T, c token.Config) download {
	t.Helper()
	w := newWorld(t, token.Config{})
	w.now = time.Now()
	c.Ledger = w.ledger
	tokens, err := token.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	text, e, err := tokens.Create(t.Context(), ledger.Export{Filename: `ünï "5"_4711.log`}, ledger.AuditEntry{})
	if err != nil {
		t.Fatal(err)
	}
	done := w.finish(e, ledger.ExportReady)
	if err := c.Store.Put(t.Context(), done.Object, store.Bytes([]byte(content)), store.PutOptions{IfAbsent: true, ContentType: "text/plain; charset=utf-8"}); err != nil {
		t.Fatal(err)
	}
	return download{tokens, text}
}

func (d download) resolve(t *testing.T) (string, time.Time) {
	t.Helper()
	got, err := d.tokens.Resolve(t.Context(), d.text, 0, "")
	if err != nil || got.Status != token.Ready {
		t.Fatalf("Resolve = %+v, %v, want it ready", got, err)
	}
	return got.URL, got.Expires
}

// get fetches a URL as somebody who has nothing else.
func get(t *testing.T, address string, header ...string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		t.Fatalf("fetch a download URL: %v", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read what a download URL gives: %v", err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

// checkDownloads is what everybody may expect of a token, wherever its file is.
// refused is how the server refuses.
func checkDownloads(t *testing.T, long, short download, refused int) {
	t.Helper()
	asked := time.Now()
	address, expires := long.resolve(t)
	if from, to := asked.Add(time.Hour-2*time.Second), time.Now().Add(time.Hour); expires.Before(from) || expires.After(to) {
		t.Errorf("the URL ends at %v, want between %v and %v", expires, from, to)
	}
	status, header, body := get(t, address)
	if status != http.StatusOK || body != content {
		t.Errorf("the URL answers %d %q, want the file", status, body)
	}
	kind, params, err := mime.ParseMediaType(header.Get("Content-Disposition"))
	if want := `ünï "5"_4711.log`; err != nil || kind != "attachment" || params["filename"] != want {
		t.Errorf("the file is %q, %v, want an attachment called %s", header.Get("Content-Disposition"), err, want)
	}
	status, header, body = get(t, address, "Range", "bytes=11-23")
	if status != http.StatusPartialContent || body != content[11:24] || !strings.HasPrefix(header.Get("Content-Range"), "bytes 11-23/") {
		t.Errorf("a part is %d %q (%s), want bytes 11 to 23", status, body, header.Get("Content-Range"))
	}
	for _, tampered := range tamper(t, address) {
		if status, _, body := get(t, tampered); status != refused || strings.Contains(body, "hello") {
			t.Errorf("the tampered URL %s answers %d %q, want %d", tampered, status, body, refused)
		}
	}
	if status, _, body := get(t, strings.SplitN(address, "?", 2)[0]); status < 400 || strings.Contains(body, "hello") {
		t.Errorf("the URL without its signature answers %d %q, want to be refused", status, body)
	}
	// One that lives for seconds works until it doesn't.
	address, expires = short.resolve(t)
	status, _, body = get(t, address)
	if (status != http.StatusOK || body != content) && time.Now().Before(expires) {
		t.Errorf("before %v the URL answers %d %q, want the file", expires, status, body)
	}
	time.Sleep(time.Until(expires.Add(time.Second)))
	if status, _, body := get(t, address); status != refused || strings.Contains(body, "hello") {
		t.Errorf("after %v the URL answers %d %q, want %d", expires, status, body, refused)
	}
	// The token still makes a new one.
	again, _ := short.resolve(t)
	if again == address {
		t.Error("resolving again gives the URL that has expired")
	}
}

// tamper changes every part of a signed URL, one at a time.
func tamper(t *testing.T, address string) []string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	tampered := []string{strings.Replace(address, "/1.log?", "/2.log?", 1)}
	for name, values := range u.Query() {
		changed := *u
		query := u.Query()
		last := values[0][len(values[0])-1:]
		query.Set(name, strings.TrimSuffix(values[0], last)+map[bool]string{true: "1", false: "0"}[last == "0"])
		if strings.HasSuffix(name, "Algorithm") || strings.HasSuffix(name, "Credential") || name == "X-Amz-Date" || name == "x-id" {
			continue // refused too, each in its own words
		}
		changed.RawQuery = query.Encode()
		tampered = append(tampered, changed.String())
	}
	return tampered
}

func TestDownloadsFromS3(t *testing.T) {
	g := gateway.Start(t, gateway.Options{})
	g.Setenv(t)
	c, err := s3store.ParseURL(g.URL("downloads"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := s3store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	long := prepare(t, token.Config{Store: s})
	// A wrapped store presigns too.
	short := prepare(t, token.Config{Store: wrapped{s}, URLLife: 2 * time.Second})
	checkDownloads(t, long, short, http.StatusForbidden)
}

type wrapped struct{ store.Store }

func (w wrapped) Unwrap() store.Store { return w.Store }

func TestDownloadsFromAFolder(t *testing.T) {
	s, err := dirstore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var long, short download
	mux := http.NewServeMux()
	for path, d := range map[string]*download{"/long": &long, "/short": &short} {
		mux.HandleFunc(path+token.Path+"/{file...}", func(w http.ResponseWriter, r *http.Request) {
			serve(t, s, d.tokens, w, r)
		})
	}
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	long = prepare(t, token.Config{Store: s, BaseURL: srv.URL + "/long"})
	short = prepare(t, token.Config{Store: s, BaseURL: srv.URL + "/short", URLLife: 2 * time.Second})
	checkDownloads(t, long, short, http.StatusForbidden)
}

// serve is the least that a server of such URLs does.
func serve(t *testing.T, s store.Store, tokens *token.Tokens, w http.ResponseWriter, r *http.Request) {
	f, err := tokens.Verify(r.PathValue("file"), r.URL.RawQuery)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	if !strings.HasPrefix(f.Object, layout.Exports) {
		t.Errorf("Verify names %s", f.Object)
	}
	body, info, err := s.Get(r.Context(), f.Object, store.Range{})
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil {
		t.Error(err)
	}
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Filename}))
	http.ServeContent(w, r, "", info.ModTime, bytes.NewReader(b))
}
