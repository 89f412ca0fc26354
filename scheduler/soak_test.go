//go:build linux

package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/scheduler"
)

// usage is what a process holds.
type usage struct {
	goroutines, descriptors int
	heap                    uint64
}

func measure(t *testing.T) (u usage) {
	t.Helper()
	runtime.GC()
	runtime.GC() // what finalizers have let go
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return usage{runtime.NumGoroutine(), len(open), stats.HeapAlloc}
}

// TestSoak makes a thousand short runs, which end in every way, and wants the
// process to hold no more after the last than after the first hundred.
func TestSoak(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := openLedger(t, path, nil)
	broken := errors.New("broken")
	ways := []struct {
		name string
		want error
		do   func(ctx context.Context) error
	}{
		{"works", nil, func(context.Context) error { return nil }},
		{"commits", nil, func(ctx context.Context) error {
			return l.Commit(ctx, ledger.Batch{Cursors: []ledger.Cursor{{Source: "s", Part: "p", Value: time.Now().String()}}})
		}},
		{"fails", broken, func(context.Context) error { return broken }},
		{"panics", scheduler.ErrPanic, func(context.Context) error { panic("on purpose") }},
		{"hangs", scheduler.ErrTimeout, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
	}
	var tasks []scheduler.Task
	for _, w := range ways {
		task := scheduler.Task{Name: w.name, Manual: true, Do: func(ctx context.Context, _ ledger.Run) (string, error) {
			return `{"n":1}`, w.do(ctx)
		}}
		if w.name == "hangs" {
			task.Timeout = time.Millisecond
		}
		tasks = append(tasks, task)
	}
	s := newScheduler(t, scheduler.Config{Ledger: l, Tasks: tasks})
	var early usage
	for n := range 1000 {
		w := ways[n%len(ways)]
		if r, err := s.RunNow(t.Context(), w.name); !errors.Is(err, w.want) || (err == nil) != (w.want == nil) || r.Ended.IsZero() {
			t.Fatalf("run %d of %s = %+v, %v, want %v", n, w.name, r, err, w.want)
		}
		if n+1 == 100 {
			early = measure(t)
		}
	}
	late := measure(t)
	t.Logf("after 100 runs %+v, after 1000 %+v", early, late)
	if late.goroutines > early.goroutines || late.descriptors > early.descriptors || late.heap > early.heap+100<<10 {
		t.Errorf("after 100 runs it holds %+v, after 1000 %+v", early, late)
	}
	runs, err := l.Runs(t.Context(), ledger.RunQuery{})
	if err != nil || len(runs) != 1000 {
		t.Errorf("%d runs are on record, %v, want 1000", len(runs), err)
	}
	ended := map[string]int{}
	for _, r := range runs {
		ended[fmt.Sprintf("%s %s", r.Task, r.Outcome)]++
	}
	for want, n := range map[string]int{"works ok": 200, "commits ok": 200, "fails failed": 200, "panics failed": 200, "hangs failed": 200} {
		if ended[want] != n {
			t.Errorf("%d runs are on record as %q, want %d", ended[want], want, n)
		}
	}
}
