package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/export"
	"logstow/export/access"
	"logstow/export/queue"
	"logstow/export/token"
	"logstow/export/web"
	"logstow/layout"
	"logstow/layout/jobfile"
)

// The user, task and execution of Talend's record among the testdata.
const (
	workspace = "60c30fbf6f1d2a3c9e0b7a41"
	task      = "60c3105e6f1d2a3c9e0b7a52"
	execution = "aec20220-f745-4da6-a5e0-b6dfe083eee5"
)

// talendWorld is a server of everything real but its eraser, and a client of
// Talend's API whose every answer is held against the document of that API.
type talendWorld struct {
	url     string
	doc     *openapi3.T
	vendors bool // doc is the vendor's
	store   *outage
	ledger  *ledger.Ledger
	eraser  *fakeEraser
	all     string // a key that may everything, of workspace
	keys    *access.Keys
	ahead   atomic.Int64 // how far the tokens' clock is ahead
}

// outage is a store that can be made unavailable to readers.
type outage struct {
	store.Store
	down atomic.Bool
}

func (o *outage) Get(ctx context.Context, key string, part store.Range) (io.ReadCloser, store.Info, error) {
	if o.down.Load() {
		return nil, store.Info{}, store.ErrUnavailable
	}
	return o.Store.Get(ctx, key, part)
}

// fakeEraser does what a test says.
type fakeEraser struct {
	erase func(job export.Job) error
	jobs  []export.Job
}

func (f *fakeEraser) Erase(_ context.Context, job export.Job, _ ledger.AuditEntry) (int, error) {
	f.jobs = append(f.jobs, job)
	if f.erase == nil {
		return len(job.Versions), nil
	}
	return 0, f.erase(job)
}

func newTalendWorld(t testing.TB, change func(*web.Config)) *talendWorld {
	t.Helper()
	w := &talendWorld{store: &outage{Store: memstore.New()}, eraser: &fakeEraser{}}
	w.doc, w.vendors = talendDocument(t)
	l, err := ledger.Open(t.Context(), ledger.Config{Path: filepath.Join(t.TempDir(), "ledger.db")})
	fatal(t, err)
	t.Cleanup(func() { l.Close() })
	w.ledger = l
	exporter, err := export.New(export.Config{Store: w.store, Ledger: l, TempDir: t.TempDir()})
	fatal(t, err)
	server := httptest.NewUnstartedServer(nil)
	w.url = "http://" + server.Listener.Addr().String()
	tokens, err := token.New(t.Context(), token.Config{Ledger: l, Store: w.store, BaseURL: w.url, Now: w.now})
	fatal(t, err)
	q, err := queue.New(queue.Config{Exporter: exporter, Store: w.store, Ledger: l, TempDir: t.TempDir()})
	fatal(t, err)
	w.keys = access.New(l)
	config := web.Config{
		Exporter: exporter, Ledger: l, Tokens: tokens, Objects: w.store, Eraser: w.eraser, Wake: q.Wake,
		Keys: w.keys, RatePerMinute: -1,
	}
	if change != nil {
		change(&config)
	}
	s, err := web.New(config)
	fatal(t, err)
	server.Config.Handler = s.Handler()
	server.Start()
	t.Cleanup(server.Close)
	runQueue(t, q)
	w.all = w.key(t, workspace, access.Permissions()...)
	return w
}

// now is the time by the tokens' clock.
func (w *talendWorld) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

// runQueue works through exports until the test ends.
func runQueue(t testing.TB, q *queue.Queue) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the queue ended with %v", err)
		}
	})
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// key makes an API key.
func (w *talendWorld) key(t testing.TB, user string, may ...access.Permission) string {
	t.Helper()
	key, _, err := w.keys.Create(t.Context(), "test", user, may)
	fatal(t, err)
	return key
}

// put archives a record, bare and unchanged.
func (w *talendWorld) put(t testing.TB, record []byte) jobfile.Info {
	t.Helper()
	i, err := readRecord(record)
	fatal(t, err)
	key, err := layout.Event{User: i.User, Type: i.Recipe, ID: i.Job, Time: i.Time}.Key()
	if i.Kind == jobfile.Job {
		key, err = layout.Document{User: i.User, Recipe: i.Recipe, Job: i.Job, Time: i.Time, Status: i.Status}.Key()
	}
	fatal(t, err)
	body := store.Bytes(record)
	fatal(t, w.store.Put(t.Context(), key, body, store.PutOptions{}))
	fatal(t, w.ledger.Commit(t.Context(), ledger.Batch{Documents: []ledger.Document{{
		Kind: string(i.Kind), User: i.User, Recipe: i.Recipe, Job: i.Job, Status: i.Status, Time: i.Time,
		StartedAt: i.StartedAt, CompletedAt: i.CompletedAt, Lines: i.LineCount, Key: key, Verified: true,
		InputHash: i.InputHash, SHA256: body.SHA256, InputSize: body.Size, Size: body.Size, State: ledger.Stored,
	}}}))
	return i
}

func readRecord(record []byte) (jobfile.Info, error) {
	reader, err := jobfile.NewReader(jobfile.Config{})
	if err != nil {
		return jobfile.Info{}, err
	}
	return reader.Read(jobfile.Memory(record), int64(len(record)))
}

// answer is what the server said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
}

// ask sends a request and holds the answer against the document.
func (w *talendWorld) ask(t testing.TB, key, method, path string) answer {
	t.Helper()
	return w.send(t, key, method, path, "", "")
}

func (w *talendWorld) send(t testing.TB, key, method, path, kind, body string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
	fatal(t, err)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	response, err := http.DefaultClient.Do(r)
	fatal(t, err)
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	fatal(t, err)
	a := answer{status: response.StatusCode, header: response.Header, body: b}
	w.validate(t, r, a)
	return a
}

// validate holds an answer against the document: its status, its headers and
// its body.
func (w *talendWorld) validate(t testing.TB, r *http.Request, a answer) {
	t.Helper()
	if r.Method == http.MethodHead {
		return // of its answer there is no body
	}
	path := "/monitoring/executions/{id}/logs"
	if strings.HasSuffix(r.URL.Path, "/status") {
		path += "/status"
	}
	item := w.doc.Paths.Value(path)
	operation := item.GetOperation(r.Method)
	if operation == nil || w.vendors && a.status == http.StatusTooManyRequests {
		w.validateError(t, r, a) // what the document is silent about
		return
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: r, Route: &routers.Route{Spec: w.doc, Path: path, PathItem: item, Method: r.Method, Operation: operation},
		},
		Status: a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	if err := openapi3filter.ValidateResponse(t.Context(), input); err != nil {
		t.Errorf("%s %s answers %d %s\n%v", r.Method, r.URL, a.status, a.body, err)
	}
}

func (w *talendWorld) validateError(t testing.TB, r *http.Request, a answer) {
	t.Helper()
	schema := w.doc.Components.Schemas["ErrorResponse"]
	var body any
	a.into(t, &body)
	if err := schema.Value.VisitJSON(body); err != nil || a.status < 400 {
		t.Errorf("%s %s answers %d %s\n%v", r.Method, r.URL, a.status, a.body, err)
	}
}

// talendDocument loads the description of the API: our own, or the file that
// LOGSTOW_TALEND_SPEC names.
func talendDocument(t testing.TB) (doc *openapi3.T, vendors bool) {
	t.Helper()
	path, vendors := os.LookupEnv("LOGSTOW_TALEND_SPEC")
	if !vendors {
		path = filepath.Join("testdata", "talend.openapi.json")
	}
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromFile(path)
	fatal(t, err)
	if !vendors {
		fatal(t, doc.Validate(t.Context()))
	}
	return doc, vendors
}

func logs(id string) string { return "/monitoring/executions/" + id + "/logs" }
