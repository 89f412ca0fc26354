package s3store_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"logstow/archive/store"
	"logstow/archive/store/s3store"
	"logstow/archive/store/storetest/gateway"
)

// Who slows down by himself hears of it at once, after one request. Others hear
// of it when all attempts were in vain.
func TestThrottled(t *testing.T) {
	for _, a := range []answer{
		{status: 503, code: "SlowDown"},
		{status: 503},
		{status: 503, code: "ServiceUnavailable"},
		{status: 429},
		{status: 429, code: "TooManyRequests"},
		{status: 400, code: "RequestThrottled"},
	} {
		for _, client := range s3store.Clients() {
			for _, metadata := range []map[string]string{nil, {"logstow-lines": "1"}} {
				for _, paced := range []bool{true, false} {
					name := fmt.Sprint(a.status, a.code, " ", client, " ", len(metadata), " ", paced)
					t.Run(name, func(t *testing.T) {
						s, n := fake(t, s3store.Config{MaxAttempts: 3, Client: client}, nil, a)
						opts := store.PutOptions{IfAbsent: true, Paced: paced, Metadata: metadata}
						err := s.Put(t.Context(), "a/b", store.Bytes([]byte("x")), opts)
						if !errors.Is(err, store.ErrThrottled) || !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), a.code) {
							t.Errorf("Put = %v, want ErrThrottled and %s", err, a.code)
						}
						if want := map[bool]int32{true: 1, false: 3}[paced]; n.Load() != want {
							t.Errorf("%d requests, want %d", n.Load(), want)
						}
					})
				}
			}
		}
	}
}

// He doesn't wait either, where anyone else would for an hour.
func TestPacedDoesNotWait(t *testing.T) {
	for _, client := range s3store.Clients() {
		s, n := fake(t, s3store.Config{MaxAttempts: 100, MaxBackoff: time.Hour, Client: client}, nil, answer{status: 503, code: "SlowDown"})
		err := s.Put(t.Context(), "a/b", store.Bytes([]byte("x")), store.PutOptions{Paced: true})
		if !errors.Is(err, store.ErrThrottled) || n.Load() != 1 || !strings.Contains(err.Error(), "REQ123") {
			t.Errorf("Put = %v after %d requests, want ErrThrottled with the request's id after 1", err, n.Load())
		}
	}
}

// Other failures are none of his business: they are tried again as for anyone.
func TestPacedIsForThrottlingAlone(t *testing.T) {
	for _, first := range []answer{{status: 500, code: "InternalError"}, {status: 502}, {hangUp: true}, {status: 409, code: "ConditionalRequestConflict"}} {
		for _, client := range s3store.Clients() {
			s, n := fake(t, s3store.Config{Client: client}, nil, first, answer{status: 200})
			if err := s.Put(t.Context(), "a/b", store.Bytes([]byte("x")), store.PutOptions{IfAbsent: true, Paced: true}); err != nil || n.Load() != 2 {
				t.Errorf("Put after %+v = %v after %d requests, want success after 2", first, err, n.Load())
			}
			s, _ = fake(t, s3store.Config{Client: client}, nil, first)
			err := s.Put(t.Context(), "a/b", store.Bytes([]byte("x")), store.PutOptions{IfAbsent: true, Paced: true})
			if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrThrottled) {
				t.Errorf("Put after %+v for good = %v, want ErrUnavailable and not ErrThrottled", first, err)
			}
		}
	}
}

// A service that has no credentials to give just now is not the store: whoever
// slows down by himself waits for it like anyone else.
func TestPacedWaitsForCredentials(t *testing.T) {
	var asked atomic.Int32
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer service.Close()
	(&gateway.Gateway{}).Setenv(t)
	t.Setenv("AWS_ENDPOINT_URL_STS", service.URL)
	asks := func(paced bool) int32 {
		asked.Store(0)
		s := open(t, s3store.Config{
			Bucket: "bucket", Endpoint: "http://127.0.0.1:1", PathStyle: true, AssumeRole: "arn:aws:iam::123456789012:role/logs",
			MaxAttempts: 3, MaxBackoff: time.Millisecond,
		})
		err := s.Put(t.Context(), "k", store.Bytes([]byte("x")), store.PutOptions{IfAbsent: true, Paced: paced})
		if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrThrottled) || !strings.Contains(err.Error(), "credentials") {
			t.Errorf("Put with paced=%v: %v, want ErrUnavailable that names the credentials, and not ErrThrottled", paced, err)
		}
		return asked.Load()
	}
	if paced, others := asks(true), asks(false); paced != others || paced < 3 {
		t.Errorf("asked for credentials %d times where paced, %d times else", paced, others)
	}
}
