package s3store_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/errgroup"

	"logstow/archive/store"
	"logstow/archive/store/s3store"
	"logstow/archive/store/storetest/gateway"
)

// Session credentials may change between any two requests: each is signed with
// one set, and carries its token.
func TestCredentialsChange(t *testing.T) {
	issued := func(n int64) aws.Credentials {
		return aws.Credentials{AccessKeyID: "ACCESS", SecretAccessKey: fmt.Sprint("secret", n), SessionToken: fmt.Sprint("token", n)}
	}
	var issues atomic.Int64
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c := issued(issues.Add(1))
		fmt.Fprintf(w, `{"AccessKeyId":%q,"SecretAccessKey":%q,"Token":%q,"Expiration":%q}`,
			c.AccessKeyID, c.SecretAccessKey, c.SessionToken, time.Now().Add(-time.Second).UTC().Format(time.RFC3339)) // so that each is used once
	}))
	defer issuer.Close()
	var tokens sync.Map
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		s := sentBy(r, body)
		token := s.one("X-Amz-Security-Token")
		n, tokenErr := strconv.ParseInt(strings.TrimPrefix(token, "token"), 10, 64)
		if wrong := s.wrongFor(issued(n), []byte("x")); err != nil || tokenErr != nil || wrong != "" || s.agent() != "logstow" {
			t.Errorf("a request by %s with token %q, %v: %s", s.agent(), token, err, wrong)
			w.WriteHeader(http.StatusForbidden)
		}
		tokens.Store(token, true)
	}))
	defer server.Close()
	(&gateway.Gateway{}).Setenv(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", issuer.URL)
	s := open(t, s3store.Config{Bucket: "bucket", Endpoint: server.URL, PathStyle: true, MaxAttempts: 2, MaxBackoff: time.Millisecond})
	var g errgroup.Group
	g.SetLimit(8)
	for i := range 100 {
		g.Go(func() error {
			return s.Put(t.Context(), fmt.Sprint(i), store.Bytes([]byte("x")), store.PutOptions{})
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	var n int
	tokens.Range(func(any, any) bool { n++; return true })
	if n < 10 {
		t.Errorf("%d tokens were used, which proves little", n)
	}
}

// A header that only the SDK knows to add is not left out: it makes the
// requests then.
func TestTracedByLambda(t *testing.T) {
	var traced, agent string
	s, _ := fake(t, s3store.Config{}, func(r *http.Request, _ []byte) {
		traced, agent = r.Header.Get("X-Amzn-Trace-Id"), r.Header.Get("User-Agent")
	}, answer{status: 200})
	t.Setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
	t.Setenv("_X_AMZN_TRACE_ID", "Root=1")
	if err := s.Put(t.Context(), "k", store.Bytes([]byte("x")), store.PutOptions{}); err != nil {
		t.Fatalf("Put: %v", err)
	}
	if traced != "Root=1" || !strings.HasPrefix(agent, "aws-sdk-go") {
		t.Errorf("put by %s, traced as %q; want the SDK, and Root=1", agent, traced)
	}
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
