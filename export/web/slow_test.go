package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"logstow/export/access"
	"logstow/export/web"
)

// impatient is how long servers of these tests wait for a client.
const impatient = 100 * time.Millisecond

// Whoever is slow to ask is cut off.
func TestSlowRequests(t *testing.T) {
	w := newWorld(t)
	key := w.key(t, "a", access.Export)
	s := w.serve(t, func(_ *web.Config, s *web.Server) {
		if s != nil {
			web.LosePatience(s, impatient)
		}
	})
	for what, begun := range map[string]string{
		"nothing":      "",
		"half a line":  "GET /heal",
		"half a head":  "GET /healthz HTTP/1.1\r\nHost: x\r\n",
		"half a body":  "POST /v1/exports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + key + "\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		"unknown body": "POST /v1/exports HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
	} {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		fatal(t, err)
		defer c.Close()
		_, err = io.WriteString(c, begun)
		fatal(t, err)
		fatal(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
		got, err := io.ReadAll(c)
		if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("%s: not cut off", what)
		}
		if what == "half a body" && !strings.HasPrefix(string(got), "HTTP/1.1 408 ") {
			t.Errorf("%s: answered %q", what, got)
		}
	}
}

// Whoever doesn't take the answer is cut off.
func TestSlowReaders(t *testing.T) {
	w := newWorld(t)
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	record := job("a", "r", "large", at, 200_000)
	w.put(t, "a", "r", "large", at, record)
	key := w.key(t, "a", access.Read)
	seen := make(chan web.Observation, 10)
	s := w.serve(t, func(c *web.Config, s *web.Server) {
		c.Observe = func(o web.Observation) { seen <- o }
		if s != nil {
			web.LosePatience(s, impatient)
		}
	})
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	fatal(t, err)
	defer c.Close()
	fatal(t, c.(*net.TCPConn).SetReadBuffer(4096))
	_, err = fmt.Fprintf(c, "GET /v1/jobs/large/document HTTP/1.1\r\nHost: x\r\nX-API-Key: %s\r\n\r\n", key)
	fatal(t, err)
	if o := <-seen; o.Bytes >= int64(len(record)) { // waits for as long as it takes
		t.Errorf("%d of %d bytes were accepted from a reader that reads nothing", o.Bytes, len(record))
	}
}

// Whoever takes the answer slowly is not: each piece has time of its own.
func TestAnswersMayTakeTheirTime(t *testing.T) {
	w := newWorld(t)
	s := w.serve(t, func(c *web.Config, s *web.Server) {
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for range 5 {
				time.Sleep(impatient / 10)
				fmt.Fprint(w, "a piece")
			}
		})
		if s != nil {
			web.LosePatience(s, impatient)
		}
	})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	r.Header.Set("X-API-Key", w.key(t, "", access.Admin))
	a := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	s.server.Handler().ServeHTTP(a, r)
	if a.Code != http.StatusOK || len(a.set) < 6 || !slices.IsSortedFunc(a.set, time.Time.Compare) {
		t.Errorf("answered %d with the deadlines %v, want one for each of five pieces and one before", a.Code, a.set)
	}
}

// deadlines is an answer that notes how long it may take to be written.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}

// A server that is told to stop answers what it was asked before.
func TestStopLetsAnswersFinish(t *testing.T) {
	w := newWorld(t)
	entered, leave := make(chan bool), make(chan bool)
	s := w.serve(t, func(c *web.Config, _ *web.Server) {
		c.Ready = func(context.Context) error {
			close(entered)
			<-leave
			return nil
		}
	})
	answered := make(chan reply)
	go func() { answered <- s.do(t, request{path: "/readyz"}) }()
	<-entered
	stopped := make(chan error)
	go func() { stopped <- s.stop() }()
	for { // until nobody is let in any more
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			break
		}
		c.Close()
		time.Sleep(time.Millisecond)
	}
	close(leave)
	if got := <-answered; got.status != http.StatusOK {
		t.Errorf("the request under way: %d %v", got.status, got.err)
	}
	fatal(t, <-stopped)
}

// What isn't finished in time is cut off, and has ended when the server has.
func TestStopCutsOffWhatGoesOn(t *testing.T) {
	w := newWorld(t)
	w.grace = impatient
	entered := make(chan bool)
	var left atomic.Bool
	s := w.serve(t, func(c *web.Config, _ *web.Server) {
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "a piece")
			close(entered)
			<-r.Context().Done()
			time.Sleep(impatient) // it has something to put away
			left.Store(true)
		})
	})
	key := w.key(t, "", access.Admin)
	answered := make(chan reply)
	go func() { answered <- s.do(t, request{path: "/metrics", key: key}) }()
	<-entered
	fatal(t, s.stop())
	if !left.Load() {
		t.Error("a request was still being answered when the server had stopped")
	}
	if got := <-answered; got.err == nil {
		t.Errorf("an answer that was cut off came whole: %d %s", got.status, got.body)
	}
}

func TestKeptConnectionsDoNotInheritADeadline(t *testing.T) {
	w := newWorld(t)
	s := w.serve(t, func(_ *web.Config, s *web.Server) {
		if s != nil {
			web.LosePatience(s, impatient)
		}
	})
	for range 3 {
		s.do(t, request{path: "/healthz"}).want(t, http.StatusOK)
		s.do(t, request{method: http.MethodOptions, path: "/v1/jobs"}).want(t, http.StatusNoContent)
		time.Sleep(2 * impatient) // longer than what the answer before had
		s.do(t, request{method: http.MethodHead, path: "/healthz"}).want(t, http.StatusOK)
	}
}
