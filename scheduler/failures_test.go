package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/scheduler"
)

func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		failing := func(name string, fail func(ctx context.Context) error) scheduler.Task {
			return scheduler.Task{
				Name: name, Spec: "0 1 1 1 *", Retries: 2, Backoff: 10 * time.Minute, Timeout: time.Minute,
				Do: func(ctx context.Context, _ ledger.Run) (string, error) {
					return "not JSON", fail(ctx)
				},
			}
		}
		n := 0
		s := newScheduler(t, scheduler.Config{Ledger: m, Parallel: 1, Tasks: []scheduler.Task{
			failing("error", func(context.Context) error { return errors.New("broken") }),
			failing("exit", func(context.Context) error { runtime.Goexit(); return nil }),
			failing("hang", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }),
			failing("panic", func(context.Context) error { panic("lost its head") }),
			failing("partial", func(context.Context) error { return fmt.Errorf("one record: %w", scheduler.ErrPartial) }),
			failing("final", func(context.Context) error { return fmt.Errorf("damage: %w", scheduler.ErrFinal) }),
			failing("recovers", func(context.Context) error {
				if n++; n < 3 {
					return errors.New("not yet")
				}
				return nil
			}),
		}})
		runFor(t, s, 24*time.Hour)
		got := map[string][]string{}
		for _, r := range m.all() {
			got[r.Task] = append(got[r.Task], fmt.Sprintf("#%d %s %s %s", r.Attempt, r.Outcome, r.Summary, r.Error))
		}
		thrice := func(failure string) []string {
			var all []string
			for n := range 3 {
				all = append(all, fmt.Sprintf("#%d failed {} %s", n+1, failure))
			}
			return all
		}
		if diff := cmp.Diff(map[string][]string{
			"error": thrice("broken"), "exit": thrice("it ended its goroutine"), "panic": thrice("panic: lost its head"),
			"hang":     thrice("ended at its timeout of 1m0s: context deadline exceeded"),
			"partial":  {"#1 partial {} one record: finished in part"},
			"final":    {"#1 failed {} damage: failed for good"},
			"recovers": {"#1 failed {} not yet", "#2 failed {} not yet", "#3 ok {} "},
		}, got); diff != "" {
			t.Errorf("runs (-want +got):\n%s", diff)
		}
		for _, l := range m.leases {
			if !l.Until.IsZero() || l.Planned.Hour() != 1 {
				t.Errorf("lease %+v, want it given back, and 01:00 done with", l)
			}
		}
	})
}

func TestBackoffGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		s := newScheduler(t, scheduler.Config{Ledger: m, Tasks: []scheduler.Task{{
			Name: "t", Spec: "0 1 * * *", Retries: 4, Backoff: 20 * time.Minute,
			Do: func(context.Context, ledger.Run) (string, error) { return "", errors.New("broken") },
		}}})
		runFor(t, s, 12*time.Hour)
		var began []string
		for _, r := range m.all() {
			began = append(began, r.Started.Format("15:04"))
		}
		if diff := cmp.Diff([]string{"01:00", "01:20", "02:00", "03:00", "04:00"}, began); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
	})
}
