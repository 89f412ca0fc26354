package s3store_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/store"
	"logstow/archive/store/s3store"
	"logstow/archive/store/storetest/gateway"
)

// What is put directly must look to the server as if the SDK had put it. The
// SDK puts all where there is but one attempt.
func TestDirectSendsWhatTheSDKSends(t *testing.T) {
	configs := map[string]s3store.Config{
		"plain":  {},
		"prefix": {Prefix: "some/pre fix", Region: "eu-central-1"},
		"full":   {SSE: "aws:kms", KMSKey: "key-1", StorageClass: "GLACIER_IR", Tags: map[string]string{"a": "b c&d", "e": "f"}, LockMode: "GOVERNANCE", LockDays: 7},
	}
	puts := []struct {
		key  string
		body string
		opts store.PutOptions
	}{
		{"a/b.json", "{}", store.PutOptions{IfAbsent: true}},
		{"e", "", store.PutOptions{}},
		{"we ird/%41+&=;:@$,!*'()[]#?~ü\x7f/k", "x", store.PutOptions{IfAbsent: true}},
		{"m", "x", store.PutOptions{IfMatch: `"abc"`, ContentType: "application/zstd"}},
	}
	for name, c := range configs {
		t.Run(name, func(t *testing.T) {
			var sent []string
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Errorf("read a request: %v", err)
				}
				sent = append(sent, seen(r, body))
			}))
			defer server.Close()
			(&gateway.Gateway{}).Setenv(t)
			t.Setenv("AWS_SESSION_TOKEN", "session")
			c.Bucket, c.Endpoint, c.PathStyle = "bucket", server.URL, true
			for _, p := range puts {
				sent = nil
				for _, attempts := range []int{1, 2} {
					c.MaxAttempts = attempts
					if err := open(t, c).Put(t.Context(), p.key, store.Bytes([]byte(p.body)), p.opts); err != nil {
						t.Fatalf("Put(%q) with %d attempts: %v", p.key, attempts, err)
					}
				}
				if len(sent) != 2 {
					t.Fatalf("two times Put(%q) made %d requests:\n%s", p.key, len(sent), sent)
				}
				if diff := cmp.Diff(sent[0], sent[1]); diff != "" {
					t.Errorf("Put(%q) (-SDK +direct):\n%s", p.key, diff)
				}
				if !strings.Contains(sent[1], `"X-Amz-Security-Token":["session"]`) {
					t.Errorf("Put(%q) does not send the session's token:\n%s", p.key, sent[1])
				}
			}
		})
	}
}

// seen is a request as text, without what is of one moment or of one client.
func seen(r *http.Request, body []byte) string {
	h := r.Header.Clone()
	for _, name := range []string{"User-Agent", "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request", "Authorization", "X-Amz-Date", "Accept-Encoding"} {
		h.Del(name)
	}
	if until, err := time.Parse(time.RFC3339, h.Get("X-Amz-Object-Lock-Retain-Until-Date")); err == nil {
		h.Set("X-Amz-Object-Lock-Retain-Until-Date", fmt.Sprint(until.Round(time.Hour)))
	}
	query := r.URL.Query()
	query.Del("x-id") // the operation's name, for whoever reads logs
	return fmt.Sprintf("%s %s?%s\n%d %q\n%q", r.Method, r.URL.EscapedPath(), query.Encode(), r.ContentLength, body, h)
}

// Whatever is neither success nor a lost condition is the SDK's, and counts as
// one of the attempts.
func TestDirectLeavesTheRestToTheSDK(t *testing.T) {
	for _, c := range []struct {
		name     string
		answers  []answer
		want     error
		requests int32
	}{
		{"success", []answer{{status: 200}}, nil, 1},
		{"taken", []answer{{status: 412, code: "PreconditionFailed"}}, fs.ErrExist, 1},
		{"an error with status 200", []answer{{status: 200, code: "InternalError"}, {status: 200}}, nil, 2},
		{"a lost answer", []answer{{hangUp: true}, {status: 412, code: "PreconditionFailed"}}, fs.ErrExist, 2},
		{"throttled for good", []answer{{status: 503, code: "SlowDown"}}, store.ErrUnavailable, 3},
		{"no answer for good", []answer{{hangUp: true}}, store.ErrUnavailable, 3},
		{"refused", []answer{{status: 403, code: "AccessDenied"}}, store.ErrRefused, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, n := fake(t, s3store.Config{MaxAttempts: 3}, nil, c.answers...)
			err := s.Put(t.Context(), "k", store.Bytes([]byte("x")), store.PutOptions{IfAbsent: true})
			if !errors.Is(err, c.want) || n.Load() != c.requests {
				t.Errorf("Put: %v after %d requests, want %v after %d", err, n.Load(), c.want, c.requests)
			}
		})
	}
}
