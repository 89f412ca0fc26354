package main

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive"
	"logstow/cmd/internal/config"
)

// Each part is what it is said to be, and nothing of one that is left out runs.
func TestServeRunsItsParts(t *testing.T) {
	w := newServeWorld(t, everySecond)
	for parts, want := range map[string][]string{
		"api":                   {"api", "watcher"},
		"scheduler":             {"scheduler", "watcher"},
		"workers":               {"export workers", "sweeper"},
		"api,scheduler,workers": {"export workers", "sweeper", "api", "scheduler", "watcher"},
	} {
		c, _, err := config.Load(config.Options{File: w.config, Flags: map[string]string{"serve.listen": "127.0.0.1:0", "serve.parts": parts}})
		if err != nil {
			t.Fatal(err)
		}
		a := &app{out: io.Discard, err: io.Discard, log: newLog(io.Discard, c.Log)}
		s, err := openStore(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		l, err := openForArchiving(t.Context(), c, s, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		d := a.newDaemon(c, opened{store: s, ledger: l})
		if err := d.build(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer d.close() //nolint:errcheck // nothing came in
		var got []string
		for _, p := range d.parts {
			got = append(got, p.name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("parts of %s (-want +got):\n%s", parts, diff)
		}
		if hasPort := d.listener != nil; hasPort != c.Serve.Parts.API {
			t.Errorf("parts of %s: a port is open: %v", parts, hasPort)
		}
		if d.did("archive", archiveReport{}); d.watch != nil && len(d.watch.again) != 1 {
			t.Errorf("parts of %s: after a run that archived nobody looks at the sources", parts)
		}
	}
}

// Sources are looked at once a minute, and soon when a run has ended.
func TestWatcherLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int64
		w := &watcher{
			sources: []config.Source{{Path: "/a"}}, again: make(chan struct{}, 1), said: map[string]string{},
			look:  func(context.Context, config.Source) (*archive.Backlog, error) { return &archive.Backlog{}, nil },
			found: func(context.Context, []archive.Backlog) { looks.Add(1) },
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.run(ctx) }()
		for _, step := range []struct {
			wakes int
			waits time.Duration
			want  int64
		}{{0, time.Second, 1}, {5, lookPause, 2}, {0, 50 * time.Second, 2}, {0, 10 * time.Second, 3}} {
			for range step.wakes {
				w.wake()
			}
			time.Sleep(step.waits)
			synctest.Wait()
			if looks.Load() != step.want {
				t.Errorf("looked %d times, want %d", looks.Load(), step.want)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run = %v", err)
		}
	})
}
