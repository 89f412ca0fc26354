package web_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"logstow/archive/ledger"
	"logstow/export/access"
	"logstow/export/web"
)

func TestRateOfAKey(t *testing.T) {
	w := newWorld(t)
	s := w.serve(t, func(c *web.Config, _ *web.Server) { c.RatePerMinute = 3 })
	one, two := w.key(t, "a", access.Read), w.key(t, "a", access.Read)
	for range 3 {
		s.do(t, request{path: "/v1/jobs", key: one}).want(t, http.StatusOK)
	}
	got := s.do(t, request{path: "/v1/jobs", key: one}).want(t, http.StatusTooManyRequests)
	if wait, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || wait < 1 || wait > 20 {
		t.Errorf("Retry-After: %q, want 1 to 20 s", got.header.Get("Retry-After"))
	}
	s.do(t, request{path: "/v1/jobs", key: two}).want(t, http.StatusOK)
}

// Who guesses keys has to wait; who has one doesn't.
func TestRateOfFailedAuthentications(t *testing.T) {
	w := newWorld(t)
	s := w.serve(t, nil)
	key := w.key(t, "a", access.Read)
	statuses := map[int]int{}
	for i := range 100 {
		got := s.do(t, request{path: "/v1/jobs", key: fmt.Sprintf("lsk_%d", i)})
		if statuses[got.status]++; got.status == http.StatusTooManyRequests && got.header.Get("Retry-After") == "" {
			t.Fatal("429 without Retry-After")
		}
	}
	if statuses[http.StatusUnauthorized] < 60 || statuses[http.StatusTooManyRequests] < 20 || len(statuses) != 2 {
		t.Errorf("100 wrong keys got %v", statuses)
	}
	s.do(t, request{path: "/v1/jobs", key: key}).want(t, http.StatusOK)
}

// A flood of refusals makes few records, which say how many there were.
func TestRefusalsAreCounted(t *testing.T) {
	w := newWorld(t)
	s := w.serve(t, nil)
	key := w.key(t, "a", access.Read)
	for range 50 {
		s.do(t, request{path: "/v1/jobs"}).want(t, http.StatusUnauthorized)
		s.do(t, request{path: "/v1/exports", key: key}).want(t, http.StatusForbidden)
	}
	fatal(t, s.stop())
	entries, err := w.ledger.AuditLog(t.Context(), ledger.AuditQuery{})
	fatal(t, err)
	counts := map[string]int{}
	records := 0
	for _, e := range entries {
		if e.Action != "refused" {
			continue
		}
		records++
		n, _, _ := strings.Cut(e.Detail, " ")
		count, err := strconv.Atoi(n)
		fatal(t, err)
		counts[e.Outcome] += count
		if e.Remote != "127.0.0.1" || (e.Key != 0) != strings.HasPrefix(e.Outcome, "403") {
			t.Errorf("entry %+v", e)
		}
	}
	if counts["401 Unauthorized"] != 50 || counts["403 Forbidden"] != 50 || records > 10 {
		t.Errorf("%d records say %v, want at most 10 that say 50 of each", records, counts)
	}
}

func TestNoAuthIsForThisMachine(t *testing.T) {
	w := newWorld(t)
	s := w.serve(t, func(c *web.Config, _ *web.Server) { c.NoAuth, c.Keys = true, nil })
	s.do(t, request{path: "/v1/jobs"}).want(t, http.StatusOK)
	s.do(t, request{path: "/v1/exports", header: map[string]string{"Host": "localhost:80"}}).want(t, http.StatusOK)
	s.do(t, request{path: "/v1/jobs", header: map[string]string{"Host": "[::1]:80"}}).want(t, http.StatusOK)
	for _, host := range []string{"evil.example.com", "127.0.0.1.example.com", "192.0.2.1", "localhost.example.com:80"} {
		s.do(t, request{path: "/v1/jobs", header: map[string]string{"Host": host}}).want(t, http.StatusForbidden)
	}
	form := request{method: http.MethodPost, path: "/v1/exports", body: `{"format":"csv"}`, header: map[string]string{"Sec-Fetch-Site": "cross-site"}}
	s.do(t, form).want(t, http.StatusForbidden)
	form.header = map[string]string{"Origin": "https://evil.example.com"}
	s.do(t, form).want(t, http.StatusForbidden)
	form.header = nil
	s.do(t, form).want(t, http.StatusAccepted)
}

// A panic of one request is answered, logged, and nobody else's.
func TestPanicIsAnswered(t *testing.T) {
	var mu sync.Mutex
	var log bytes.Buffer
	w := newWorld(t)
	s := w.serve(t, func(c *web.Config, _ *web.Server) {
		c.Ready = func(context.Context) error { panic("nobody knew") }
		c.Log = slog.New(slog.NewTextHandler(locked{&mu, &log}, nil))
	})
	got := s.do(t, request{path: "/readyz"}).want(t, http.StatusInternalServerError)
	if strings.Contains(got.body, "nobody knew") || form(got.body) != "logstow" {
		t.Errorf("answered %s", got.body)
	}
	mu.Lock()
	said := log.String()
	mu.Unlock()
	if !strings.Contains(said, "nobody knew") || !strings.Contains(said, got.header.Get("X-Request-Id")) {
		t.Errorf("the log says %s", said)
	}
	s.do(t, request{path: "/healthz"}).want(t, http.StatusOK)
}

// locked is a writer for several goroutines.
type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func TestReadiness(t *testing.T) {
	var mu sync.Mutex
	asked := 0
	s := newWorld(t).serve(t, func(c *web.Config, _ *web.Server) {
		c.Ready = func(context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			asked++
			return errors.New("the disk of /srv is full")
		}
	})
	s.do(t, request{path: "/healthz"}).want(t, http.StatusOK)
	for range 20 {
		got := s.do(t, request{path: "/readyz"}).want(t, http.StatusServiceUnavailable)
		if strings.Contains(got.body, "/srv") || got.header.Get("Retry-After") == "" {
			t.Errorf("%v %s", got.header, got.body)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if asked < 1 || asked > 10 {
		t.Errorf("20 requests asked store and ledger %d times", asked)
	}
}

func TestMetricsAreForAdministrators(t *testing.T) {
	w := newWorld(t)
	s := w.serve(t, func(c *web.Config, _ *web.Server) {
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "numbers") })
	})
	if got := s.do(t, request{path: "/metrics", key: w.key(t, "", access.Admin)}).want(t, http.StatusOK); got.body != "numbers" {
		t.Errorf("GET /metrics: %s", got.body)
	}
	s.do(t, request{path: "/metrics", key: w.key(t, "a", access.Permissions()...)}).want(t, http.StatusForbidden)
	s.do(t, request{path: "/metrics", key: w.key(t, "", access.Read)}).want(t, http.StatusForbidden)
}
