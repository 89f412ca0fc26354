package web_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/dirstore"
	"logstow/export"
	"logstow/export/access"
	"logstow/export/queue"
	"logstow/export/token"
	"logstow/export/web"
	"logstow/layout"
)

// world is an archive in a folder with a ledger, served as logstow serve does.
type world struct {
	folder string
	store  store.Store
	ledger *ledger.Ledger
	keys   *access.Keys
	erased []string // jobs
	grace  time.Duration
	ahead  atomic.Int64
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return openWorld(t, t.TempDir())
}

// again is the same world as another process has it.
func (w *world) again(t testing.TB) *world {
	t.Helper()
	return openWorld(t, w.folder)
}

func openWorld(t testing.TB, folder string) *world {
	t.Helper()
	s, err := dirstore.Open(folder + "/store")
	fatal(t, err)
	l, err := ledger.Open(t.Context(), ledger.Config{Path: folder + "/ledger.db"})
	fatal(t, err)
	t.Cleanup(func() { fatal(t, l.Close()) })
	return &world{folder: folder, store: s, ledger: l, keys: access.New(l), grace: time.Minute}
}

// Erase remembers what it was to delete.
func (w *world) Erase(_ context.Context, job export.Job, _ ledger.AuditEntry) (int, error) {
	if len(job.Versions) == 0 {
		return 0, fs.ErrNotExist
	}
	w.erased = append(w.erased, job.User+"/"+job.ID)
	return len(job.Versions), nil
}

// now is a clock that tests put forward.
func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

func (w *world) key(t testing.TB, user string, may ...access.Permission) string {
	t.Helper()
	key, _, err := w.keys.Create(t.Context(), "test", user, may)
	fatal(t, err)
	return key
}

// job is a record with some lines.
func job(user, recipe, id string, at time.Time, lines int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"id":%q,"recipe_id":%q,"account_id":%q,"status":"succeeded","completed_at":%q,"lines":[`,
		id, recipe, user, at.Format(time.RFC3339Nano))
	for i := range lines {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"recipe_line_number":%d,"adapter_name":"http","adapter_operation":"get","output":{"n":%d}}`, i, i)
	}
	return b.String() + "]}"
}

// put archives a record of the form that job makes.
func (w *world) put(t testing.TB, user, recipe, id string, at time.Time, record string) ledger.Document {
	t.Helper()
	key, err := layout.Document{User: user, Recipe: recipe, Job: id, Time: at, Status: "succeeded"}.Key()
	fatal(t, err)
	body := store.Bytes([]byte(record))
	fatal(t, w.store.Put(t.Context(), key, body, store.PutOptions{}))
	d := ledger.Document{
		Kind: "job", User: user, Recipe: recipe, Job: id, Status: "succeeded", Time: at, CompletedAt: at,
		Lines: int64(strings.Count(record, "recipe_line_number")), Key: key, Verified: true,
		InputHash: body.SHA256, SHA256: body.SHA256, InputSize: body.Size, Size: body.Size,
	}
	fatal(t, w.ledger.Commit(t.Context(), ledger.Batch{Documents: []ledger.Document{d}}))
	return d
}

// running is a server of a world that is being served, and its queue.
type running struct {
	*world
	url    string
	server *web.Server
	client *http.Transport
	stop   func() error // once
}

// serve starts a server for a world, with its queue, until the test ends.
func (w *world) serve(t testing.TB, change func(*web.Config, *web.Server)) *running {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(t, err)
	base := "http://" + listener.Addr().String()
	exporter, err := export.New(export.Config{Store: w.store, Ledger: w.ledger, TempDir: t.TempDir()})
	fatal(t, err)
	q, err := queue.New(queue.Config{Exporter: exporter, Store: w.store, Ledger: w.ledger, TempDir: t.TempDir(), Poll: 50 * time.Millisecond})
	fatal(t, err)
	tokens, err := token.New(t.Context(), token.Config{Ledger: w.ledger, Store: w.store, BaseURL: base, Now: w.now})
	fatal(t, err)
	config := web.Config{
		Exporter: exporter, Ledger: w.ledger, Tokens: tokens, Objects: w.store, Eraser: w, Wake: q.Wake,
		Keys: w.keys, RatePerMinute: -1, Metrics: http.NotFoundHandler(),
	}
	if change != nil {
		change(&config, nil)
	}
	s, err := web.New(config)
	fatal(t, err)
	if change != nil {
		change(&config, s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	var serving, working error
	group.Go(func() { serving = s.Serve(ctx, listener, w.grace) })
	group.Go(func() { working = q.Run(ctx) })
	r := &running{world: w, url: base, server: s, client: &http.Transport{DisableCompression: true}}
	r.stop = sync.OnceValue(func() error {
		cancel()
		r.client.CloseIdleConnections()
		group.Wait()
		if serving != nil {
			return serving
		}
		return working
	})
	t.Cleanup(func() { fatal(t, r.stop()) })
	return r
}

// reply is what a server said.
type reply struct {
	status int
	header http.Header
	body   string
	err    error // broken off, in the middle of the body or before it
}

// request is what is sent; only path is required.
type request struct {
	method, path, key, body string
	header                  map[string]string
}

// do sends a request.
func (r *running) do(t testing.TB, q request) reply {
	t.Helper()
	if q.method == "" {
		q.method = http.MethodGet
	}
	var body io.Reader
	if q.body != "" {
		body = strings.NewReader(q.body)
	}
	where := r.url + q.path
	if strings.HasPrefix(q.path, "http://") {
		where = q.path
	}
	req, err := http.NewRequestWithContext(t.Context(), q.method, where, body)
	fatal(t, err)
	if q.key != "" {
		req.Header.Set("Authorization", "Bearer "+q.key)
	}
	if q.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range q.header {
		req.Header.Set(name, value)
		if name == "Host" {
			req.Host = value
		}
	}
	response, err := r.client.RoundTrip(req)
	if err != nil {
		return reply{err: err}
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(b), err}
}

// want fails the test unless a reply has this status.
func (a reply) want(t testing.TB, status int) reply {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s %v", a.status, status, a.body, a.err)
	}
	return a
}

// query is a path with parameters.
func query(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	return path + "?" + q.Encode()
}
