package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"logstow/archive/ledger"
	"logstow/scheduler"
)

func openLedger(t *testing.T, path string, fault func(op string, phase ledger.Phase) error) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{Path: path, Fault: fault})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return l
}

// TestMemoryIsLikeALedger makes the same random calls to a ledger and to the
// one in memory that the other tests use.
func TestMemoryIsLikeALedger(t *testing.T) {
	sql := openLedger(t, filepath.Join(t.TempDir(), "ledger.db"), nil)
	task := 0
	rapid.Check(t, func(t *rapid.T) {
		ctx, fake := context.Background(), newMemory()
		now := time.UnixMilli(1_700_000_000_000).UTC()
		task++
		name := fmt.Sprint(task)
		// What each has begun has an id of its own.
		var begun [2][]ledger.Run
		same := func(call string, got, want any, err, wantErr error) {
			for _, known := range []error{ledger.ErrHeld, ledger.ErrFenced, fs.ErrNotExist} {
				if errors.Is(err, known) != errors.Is(wantErr, known) || (err == nil) != (wantErr == nil) {
					t.Fatalf("%s: the ledger says %v, the one in memory %v", call, err, wantErr)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s: (-memory +ledger):\n%s", call, diff)
			}
		}
		fence := func() int64 { return rapid.Int64Range(1, 4).Draw(t, "fence") }
		tick := func() { now = now.Add(time.Duration(rapid.IntRange(-1, 2).Draw(t, "minutes")) * time.Minute) }
		t.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) {
				got, err := sql.Lease(ctx, name)
				want, wantErr := fake.Lease(ctx, name)
				same("Lease", got, want, err, wantErr)
			},
			"acquire": func(*rapid.T) {
				tick()
				l := ledger.Lease{Task: name, Holder: fmt.Sprint(now.Unix()), Since: now, Until: now.Add(time.Minute)}
				got, err := sql.AcquireLease(ctx, l)
				want, wantErr := fake.AcquireLease(ctx, l)
				same("AcquireLease", got, want, err, wantErr)
			},
			"renew": func(*rapid.T) {
				tick()
				l := ledger.Lease{Task: name, Fence: fence(), Until: now.Add(time.Minute)}
				same("RenewLease", nil, nil, sql.RenewLease(ctx, l), fake.RenewLease(ctx, l))
			},
			"release": func(*rapid.T) {
				l := ledger.Lease{Task: name, Fence: fence()}
				same("ReleaseLease", nil, nil, sql.ReleaseLease(ctx, l), fake.ReleaseLease(ctx, l))
			},
			"planned": func(*rapid.T) {
				got, err := sql.LastPlanned(ctx, name, now)
				want, wantErr := fake.LastPlanned(ctx, name, now)
				same("LastPlanned", got, want, err, wantErr)
			},
			"start": func(*rapid.T) {
				r := ledger.Run{Task: name, Started: now, Fence: fence(), Attempt: rapid.Int64Range(1, 2).Draw(t, "attempt")}
				if rapid.Bool().Draw(t, "planned") {
					r.Planned = now
				}
				got, err := sql.StartTaskRun(ctx, r)
				want, wantErr := fake.StartTaskRun(ctx, r)
				if err == nil {
					begun[0], begun[1] = append(begun[0], got), append(begun[1], want)
				}
				got.ID, want.ID = 0, 0
				same("StartTaskRun", got, want, err, wantErr)
			},
			"end": func(t *rapid.T) {
				if len(begun[0]) == 0 {
					t.Skip("nothing runs")
				}
				n := rapid.IntRange(0, len(begun[0])-1).Draw(t, "run")
				outcome, settles := rapid.SampledFrom([]string{"ok", "failed", "interrupted"}).Draw(t, "outcome"), rapid.Bool().Draw(t, "settles")
				var errs [2]error
				for i, end := range []func(context.Context, ledger.Run) error{sql.EndRun, fake.EndRun} {
					r := begun[i][n]
					r.Ended, r.Outcome, r.Settles = now, outcome, settles
					errs[i] = end(ctx, r)
				}
				same("EndRun", nil, nil, errs[0], errs[1])
			},
		})
	})
}

// TestTwoSchedulersOnOneLedger has two processes' worth of schedulers, with
// short leases, on one file. One of them stops reaching the ledger in the
// middle of its runs, as if it had been paused, and goes on later.
func TestTwoSchedulersOnOneLedger(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	d := newDeeds()
	var paused atomic.Bool
	var done [2]atomic.Int64
	task := func(i int, name string) scheduler.Task {
		return scheduler.Task{
			Name: name, Spec: "@every 1s", Missed: scheduler.MissedAll,
			Do: func(ctx context.Context, r ledger.Run) (string, error) {
				d.add(name, 1)
				defer d.add(name, -1)
				select {
				case <-time.After(100 * time.Millisecond):
				case <-ctx.Done():
					return "", ctx.Err()
				}
				done[i].Add(1)
				return "", nil
			},
		}
	}
	var ledgers [2]*ledger.Ledger
	var stops [2]func() error
	for i := range stops {
		ledgers[i] = openLedger(t, path, func(string, ledger.Phase) error {
			if i == 0 && paused.Load() {
				return errDead
			}
			return nil
		})
		s := newScheduler(t, scheduler.Config{
			Ledger: ledgers[i], Lease: 2 * time.Second, Tasks: []scheduler.Task{task(i, "a"), task(i, "b"), task(i, "c")},
		})
		stops[i] = running(t, s)
	}
	// Each wait is for runs, however long they take.
	more := func(n int64, of ...int) {
		sum := func() (total int64) {
			for _, i := range of {
				total += done[i].Load()
			}
			return total
		}
		for until := sum() + n; sum() < until; {
			time.Sleep(10 * time.Millisecond)
		}
	}
	more(6, 0, 1)
	paused.Store(true)
	more(9, 1)
	paused.Store(false)
	more(6, 0, 1)
	for _, stop := range stops {
		if err := stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
	}
	checkEverySecond(t, ledgers[1], "a", "b", "c")
}

// checkEverySecond wants each planned time recorded once as done, without a gap
// up to the last.
func checkEverySecond(t *testing.T, l *ledger.Ledger, tasks ...string) {
	t.Helper()
	for _, task := range tasks {
		runs, err := l.Runs(t.Context(), ledger.RunQuery{Task: task})
		if err != nil {
			t.Fatal(err)
		}
		ok := map[int64]int{}
		first, last := int64(1<<62), int64(0)
		for _, r := range runs {
			if r.Outcome == "ok" {
				ok[r.Planned.Unix()]++
				first, last = min(first, r.Planned.Unix()), max(last, r.Planned.Unix())
			}
		}
		if len(ok) < 4 {
			t.Errorf("task %s was done for %d planned times", task, len(ok))
		}
		for at := first; at <= last; at++ {
			if ok[at] != 1 {
				t.Errorf("task %s, planned %s: recorded %d times as done", task, time.Unix(at, 0).UTC(), ok[at])
			}
		}
	}
}
