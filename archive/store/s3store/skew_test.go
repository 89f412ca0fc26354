package s3store_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"logstow/archive/store"
	"logstow/archive/store/s3store"
	"logstow/archive/store/storetest/gateway"
)

// otherClock is a server whose clock is ahead, and which refuses what was
// signed at another time than its own.
type otherClock struct {
	mu       sync.Mutex
	ahead    time.Duration // guarded by mu
	code     string        // guarded by mu; of the refusal
	header   http.Header   // guarded by mu; of every answer
	requests int           // guarded by mu; since the last look
}

func (o *otherClock) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.requests++
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if wrong := sentBy(r, body).wrongSignature([]byte("x"), ""); wrong != "" {
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "<Error><Code>Wrong</Code><Message>%s</Message></Error>", wrong)
		return
	}
	now := time.Now().Add(o.ahead)
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	for name, values := range o.header {
		w.Header()[name] = values
	}
	signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || signed.Sub(now).Abs() > 15*time.Minute {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", o.code)
	}
}

// put puts an object and tells how many requests that took.
func (o *otherClock) put(t *testing.T, s store.Store) (requests int, err error) {
	o.mu.Lock()
	o.requests = 0
	o.mu.Unlock()
	err = s.Put(t.Context(), "k", store.Bytes([]byte("x")), store.PutOptions{IfAbsent: true})
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.requests, err
}

func (o *otherClock) set(ahead time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ahead = ahead
}

func (o *otherClock) open(t *testing.T, attempts int) *s3store.Store {
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	(&gateway.Gateway{}).Setenv(t)
	return open(t, s3store.Config{Bucket: "bucket", Endpoint: server.URL, PathStyle: true, MaxAttempts: attempts, MaxBackoff: time.Millisecond})
}

// A clock that is wrong costs one request more, once. When it is set right, or
// the server's is, that costs one more again.
func TestClockIsWrong(t *testing.T) {
	for _, code := range []string{"RequestTimeTooSkewed", "SignatureDoesNotMatch"} {
		server := &otherClock{code: code}
		s := server.open(t, 2)
		for _, step := range []struct {
			ahead    time.Duration
			requests int
		}{{0, 1}, {2 * time.Hour, 2}, {2 * time.Hour, 1}, {2 * time.Hour, 1}, {0, 2}, {0, 1}, {-30 * 24 * time.Hour, 2}, {-30 * 24 * time.Hour, 1}} {
			server.set(step.ahead)
			if n, err := server.put(t, s); n != step.requests || err != nil {
				t.Errorf("Put to a server %v ahead that says %s: %d requests, %v; want %d", step.ahead, code, n, err, step.requests)
			}
		}
	}
}

// Puts that are all under way when the clock turns out to be wrong are each made
// once more, whichever hears of it first.
func TestClockIsWrongForMany(t *testing.T) {
	const puts = 8
	clock := &otherClock{code: "RequestTimeTooSkewed", ahead: time.Hour}
	var asked atomic.Int32
	var all sync.WaitGroup
	all.Add(puts)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) <= puts {
			all.Done()
			all.Wait()
		}
		clock.ServeHTTP(w, r)
	}))
	defer server.Close()
	(&gateway.Gateway{}).Setenv(t)
	s := open(t, s3store.Config{Bucket: "bucket", Endpoint: server.URL, PathStyle: true, MaxAttempts: 2, MaxBackoff: time.Millisecond})
	var g errgroup.Group
	for range puts {
		g.Go(func() error {
			return s.Put(t.Context(), "k", store.Bytes([]byte("x")), store.PutOptions{IfAbsent: true})
		})
	}
	if err := g.Wait(); err != nil || asked.Load() != 2*puts {
		t.Errorf("%d Puts: %d requests, %v; want two for each", puts, asked.Load(), err)
	}
}

// What is refused for another reason, or by a server whose clock is not to be
// trusted, is refused.
func TestClockIsNotTheReason(t *testing.T) {
	for name, test := range map[string]struct {
		server *otherClock
		want   error
	}{
		"another reason": {&otherClock{code: "AccessDenied"}, store.ErrRefused},
		"no date":        {&otherClock{code: "RequestTimeTooSkewed", header: http.Header{"Date": nil}}, store.ErrRefused},
		"an odd date":    {&otherClock{code: "RequestTimeTooSkewed", header: http.Header{"Date": {"noon"}}}, store.ErrRefused},
		"a cache's date": {&otherClock{code: "RequestTimeTooSkewed", header: http.Header{"Age": {"7"}}}, store.ErrRefused},
		"no skew": {&otherClock{code: "SignatureDoesNotMatch", header: http.Header{
			"Date": {time.Now().UTC().Format(http.TimeFormat)},
		}}, store.ErrCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			s := test.server.open(t, 4)
			test.server.set(3 * time.Hour)
			if n, err := test.server.put(t, s); n != 2 || !errors.Is(err, test.want) {
				t.Errorf("Put: %d requests, %v; want 2 and %v", n, err, test.want)
			}
		})
	}
}
