package web_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/export"
	"logstow/export/access"
	"logstow/export/token"
	"logstow/export/web"
	"logstow/layout"
	"logstow/layout/jobfile"
)

// logWorld is a server of everything real whose jobs are only read.
type logWorld struct {
	url    string
	server *httptest.Server
	store  store.Store
	ledger *ledger.Ledger
	keys   *access.Keys
}

// newLogWorld starts a server that answers so many requests a minute.
func newLogWorld(t testing.TB, rate int) *logWorld {
	t.Helper()
	w := &logWorld{store: memstore.New()}
	var err error
	w.ledger, err = ledger.Open(t.Context(), ledger.Config{Path: filepath.Join(t.TempDir(), "ledger.db")})
	must(t, err)
	t.Cleanup(func() { w.ledger.Close() })
	exporter, err := export.New(export.Config{Store: w.store, Ledger: w.ledger, TempDir: t.TempDir()})
	must(t, err)
	tokens, err := token.New(t.Context(), token.Config{Ledger: w.ledger, Store: w.store, BaseURL: "http://127.0.0.1"})
	must(t, err)
	w.keys = access.New(w.ledger)
	s, err := web.New(web.Config{
		Exporter: exporter, Ledger: w.ledger, Tokens: tokens, Objects: w.store, Eraser: noEraser{}, Wake: func() {},
		Keys: w.keys, RatePerMinute: rate,
	})
	must(t, err)
	w.server = httptest.NewServer(s.Handler())
	w.url = w.server.URL
	t.Cleanup(w.server.Close)
	return w
}

// noEraser erases nothing: nobody asks it to.
type noEraser struct{}

func (noEraser) Erase(context.Context, export.Job, ledger.AuditEntry) (int, error) { return 0, nil }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// key makes an API key.
func (w *logWorld) key(t testing.TB, user string, may ...access.Permission) string {
	t.Helper()
	key, _, err := w.keys.Create(t.Context(), "test", user, may)
	must(t, err)
	return key
}

// put archives a record, bare and unchanged.
func (w *logWorld) put(t testing.TB, record []byte) jobfile.Info {
	t.Helper()
	reader, err := jobfile.NewReader(jobfile.Config{})
	must(t, err)
	i, err := reader.Read(jobfile.Memory(record), int64(len(record)))
	must(t, err)
	key, err := layout.Document{User: i.User, Recipe: i.Recipe, Job: i.Job, Time: i.Time, Status: i.Status}.Key()
	must(t, err)
	body := store.Bytes(record)
	must(t, w.store.Put(t.Context(), key, body, store.PutOptions{}))
	must(t, w.ledger.Commit(t.Context(), ledger.Batch{Documents: []ledger.Document{{
		Kind: string(i.Kind), User: i.User, Recipe: i.Recipe, Job: i.Job, Status: i.Status, Time: i.Time,
		StartedAt: i.StartedAt, CompletedAt: i.CompletedAt, Lines: i.LineCount, Key: key, Verified: true,
		InputHash: i.InputHash, SHA256: body.SHA256, InputSize: body.Size, Size: body.Size, State: ledger.Stored,
	}}}))
	return i
}

// putFile is put for one of testdata/records.
func (w *logWorld) putFile(t testing.TB, name string) jobfile.Info {
	t.Helper()
	record, err := os.ReadFile(filepath.Join("../../testdata/records", name))
	must(t, err)
	return w.put(t, record)
}

// said is what the server said.
type said struct {
	status int
	header http.Header
	body   string
}

// ask sends a request with the key, and more headers, in pairs.
func (w *logWorld) ask(t testing.TB, method, path, key string, headers ...string) said {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.url+path, http.NoBody)
	must(t, err)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	must(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	return said{response.StatusCode, response.Header, string(body)}
}

// get asks for a path and wants 200.
func (w *logWorld) get(t testing.TB, path, key string, headers ...string) said {
	t.Helper()
	a := w.ask(t, http.MethodGet, path, key, headers...)
	if a.status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, a.status, a.body)
	}
	return a
}

// serve answers a request without a connection.
func (w *logWorld) serve(r *http.Request) *httptest.ResponseRecorder {
	response := httptest.NewRecorder()
	w.server.Config.Handler.ServeHTTP(response, r)
	return response
}
