package web_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"logstow/archive/store"
	"logstow/export"
	"logstow/export/access"
	"logstow/export/web"
)

// gate is a store whose readers wait until it is opened.
type gate struct {
	store.Store
	opened chan struct{}
	inside atomic.Int64 // readers that came
}

func (g *gate) Get(ctx context.Context, key string, part store.Range) (io.ReadCloser, store.Info, error) {
	g.inside.Add(1)
	select {
	case <-g.opened:
	case <-ctx.Done():
		return nil, store.Info{}, ctx.Err()
	}
	return g.Store.Get(ctx, key, part)
}

// shut serves a world with one job, a's, whose document nobody gets before the
// gate is opened. A request that has no place waits so long for one.
func shut(t *testing.T, w *world, turn time.Duration) (*running, *gate) {
	t.Helper()
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	w.put(t, "a", "r", "one", at, job("a", "r", "one", at, 3))
	g := &gate{Store: w.store, opened: make(chan struct{})}
	exporter, err := export.New(export.Config{Store: g, Ledger: w.ledger})
	fatal(t, err)
	s := w.serve(t, func(c *web.Config, s *web.Server) {
		if c.Exporter = exporter; s != nil {
			web.HurryTurns(s, turn)
		}
	})
	return s, g
}

// fetchMany asks for the document so many times at once.
func (r *running) fetchMany(t *testing.T, key string, n int) (wait func() []int) {
	statuses := make([]int, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { statuses[i] = r.do(t, request{path: "/v1/jobs/one/document", key: key}).status })
	}
	return func() []int { all.Wait(); return statuses }
}

// until waits for a condition.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for begun := time.Now(); !is(); time.Sleep(time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatalf("after a minute it is not so that %s", what)
		}
	}
}

// A key whose requests all wait for something keeps nobody else waiting, and
// has no more than so many of them answered at once.
func TestRequestsUnderWay(t *testing.T) {
	w := newWorld(t)
	s, g := shut(t, w, time.Millisecond)
	busy, other := w.key(t, "a", access.Read, access.Export), w.key(t, "a", access.Read)
	wait := s.fetchMany(t, busy, web.MaxUnderWay)
	until(t, "all of them read", func() bool { return g.inside.Load() == web.MaxUnderWay })
	for _, path := range []string{"/v1/jobs", "/v1/exports", "/v2/logs/one", "/monitoring/executions/one/logs", "/api/v1/action-runs/one/logs/stream"} {
		got := s.do(t, request{path: path, key: busy})
		if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
			t.Errorf("GET %s with %d requests under way: %d %s", path, web.MaxUnderWay, got.status, got.body)
		}
		if got := s.do(t, request{path: "/v1/jobs", key: other}); got.status != http.StatusOK {
			t.Errorf("another key meanwhile: %d %s", got.status, got.body)
		}
	}
	s.do(t, request{path: "/healthz"}).want(t, http.StatusOK)
	close(g.opened)
	for i, status := range wait() {
		if status != http.StatusOK {
			t.Errorf("request %d: %d", i, status)
		}
	}
	until(t, "nobody is remembered", func() bool { return web.Turns(s.server) == 0 })
	s.do(t, request{path: "/v1/jobs", key: busy}).want(t, http.StatusOK)
}

// More than so many at once are answered one after the other.
func TestRequestsWaitForTheirTurn(t *testing.T) {
	w := newWorld(t)
	s, g := shut(t, w, time.Minute)
	key := w.key(t, "a", access.Read)
	wait := s.fetchMany(t, key, 3*web.MaxUnderWay)
	until(t, "some of them read", func() bool { return g.inside.Load() == web.MaxUnderWay })
	close(g.opened)
	for i, status := range wait() {
		if status != http.StatusOK {
			t.Errorf("request %d: %d", i, status)
		}
	}
}
