package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/export/web"
	"logstow/layout/jobfile"
)

// answered is a writer that remembers what it was given, and when.
type answered struct {
	httptest.ResponseRecorder
	mu      sync.Mutex
	started time.Time
	flushed []string // what came since the flush before, with the time
	part    strings.Builder
	broken  error
}

func (a *answered) Header() http.Header { return http.Header{} }

func (a *answered) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.broken != nil {
		return 0, a.broken
	}
	return a.part.Write(p)
}

func (a *answered) FlushError() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.flushed = append(a.flushed, fmt.Sprintf("%v %s", time.Since(a.started), a.part.String()))
	a.part.Reset()
	return nil
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &answered{started: time.Now()}
		err := web.RunEvents(t.Context(), w, func(_ context.Context, add func(string, bool) error) error {
			time.Sleep(20 * time.Second)
			must(t, add("data: 1\n\n", false))
			time.Sleep(41 * time.Second)
			must(t, add("data: half", true))
			time.Sleep(16500 * time.Millisecond)
			must(t, add("\n\n", false))
			return add("data: end\n\n", false)
		})
		must(t, err)
		want := []string{
			"15s : heartbeat\n\n",
			"30s data: 1\n\n",
			"45s : heartbeat\n\n",
			"1m0s : heartbeat\n\n",
			"1m17.5s data: half\n\ndata: end\n\n",
		}
		if diff := cmp.Diff(want, w.flushed); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A heartbeat that reaches nobody stops the reading.
func TestHeartbeatToNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &answered{started: time.Now(), broken: errors.New("gone")}
		err := web.RunEvents(t.Context(), w, func(ctx context.Context, _ func(string, bool) error) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if !errors.Is(err, context.Canceled) || time.Since(w.started) != web.Heartbeat {
			t.Errorf("ended with %v after %v, want cancelled after %v", err, time.Since(w.started), web.Heartbeat)
		}
	})
}

// Nor does a log go on being read of which nothing was asked for.
func TestReplayToNobody(t *testing.T) {
	ctx, hangUp := context.WithCancel(t.Context())
	read := 0
	err := web.ReplayErrors(ctx, &answered{started: time.Now()}, func(yield func(jobfile.Line, error) bool) {
		for read = 1; yield(jobfile.Line{Level: jobfile.InfoLevel}, nil) && read < 1000; read++ {
			if read == 10 {
				hangUp()
			}
		}
	})
	if !errors.Is(err, context.Canceled) || read != 11 {
		t.Errorf("%d lines were read, %v; want 11 where the client hung up after the tenth", read, err)
	}
}
