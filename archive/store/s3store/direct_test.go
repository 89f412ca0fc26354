package s3store_test

import (
	"errors"
	"io/fs"
	"testing"

	"logstow/archive/store"
	"logstow/archive/store/s3store"
)

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
