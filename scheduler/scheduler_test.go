package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"logstow/archive/ledger"
	"logstow/scheduler"
)

// verify runs the tests and wants no goroutine to be left.
func verify(m *testing.M) { goleak.VerifyTestMain(m) }

func newScheduler(t *testing.T, c scheduler.Config) *scheduler.Scheduler {
	t.Helper()
	s, err := scheduler.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// running runs a scheduler until it is stopped, by what it returns.
func running(t *testing.T, s *scheduler.Scheduler) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

func runFor(t *testing.T, s *scheduler.Scheduler, d time.Duration) {
	t.Helper()
	stop := running(t, s)
	time.Sleep(d)
	if err := stop(); err != nil {
		t.Errorf("Run = %v", err)
	}
}

func nothing(context.Context, ledger.Run) (string, error) { return "", nil }

// lines says of each run when it was planned, its attempt and its outcome. The
// clock of a bubble begins at midnight, 2000-01-01.
func lines(runs []ledger.Run) []string {
	var all []string
	for _, r := range runs {
		planned := "now"
		if !r.Planned.IsZero() {
			planned = r.Planned.UTC().Format("02 15:04:05")
		}
		all = append(all, fmt.Sprintf("%s #%d %s", planned, r.Attempt, r.Outcome))
	}
	return all
}

func wantRuns(t *testing.T, m *memory, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, lines(m.all())); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
}

func TestNewRefuses(t *testing.T) {
	good := scheduler.Task{Name: "good", Spec: "@daily", Do: nothing}
	for want, spoil := range map[string]func(t *scheduler.Task){
		"it has no name":             func(t *scheduler.Task) { t.Name = "" },
		"another task has this name": func(*scheduler.Task) {},
		"it does nothing":            func(t *scheduler.Task) { t.Name, t.Do = "x", nil },
		"never comes":                func(t *scheduler.Task) { t.Name, t.Spec = "x", "0 0 31 2 *" },
		"set the zone beside it":     func(t *scheduler.Task) { t.Name, t.Spec = "x", "TZ=0" },
		"no such zone":               func(t *scheduler.Task) { t.Name, t.Zone = "x", "Nowhere" },
		"want once, all or none":     func(t *scheduler.Task) { t.Name, t.Missed = "x", "some" },
		"is negative":                func(t *scheduler.Task) { t.Name, t.Timeout = "x", -1 },
		"jitter":                     func(t *scheduler.Task) { t.Name, t.Jitter = "x", 25*time.Hour },
		"retries":                    func(t *scheduler.Task) { t.Name, t.Retries = "x", -1 },
		"only when asked for":        func(t *scheduler.Task) { t.Name, t.Manual = "x", true },
	} {
		bad := good
		spoil(&bad)
		_, err := scheduler.New(scheduler.Config{Ledger: newMemory(), Tasks: []scheduler.Task{good, bad}})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), fmt.Sprintf("%q", bad.Name)) {
			t.Errorf("New = %v, want an error with %q that names %q", err, want, bad.Name)
		}
	}
}

func TestMissedRuns(t *testing.T) {
	for missed, want := range map[scheduler.Missed][]string{
		scheduler.MissedOnce: {"01 01:00:00 #1 ok", "01 05:00:00 #1 ok", "01 06:00:00 #1 ok"},
		scheduler.MissedAll:  {"01 01:00:00 #1 ok", "01 03:00:00 #1 ok", "01 04:00:00 #1 ok", "01 05:00:00 #1 ok", "01 06:00:00 #1 ok"},
		scheduler.MissedNone: {"01 01:00:00 #1 ok", "01 06:00:00 #1 ok"},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMemory()
			s := newScheduler(t, scheduler.Config{Ledger: m, Tasks: []scheduler.Task{
				{Name: "hourly", Spec: "@hourly", Do: nothing, Missed: missed, MissedLimit: 3},
			}})
			time.Sleep(30 * time.Minute) // its first start owes nothing
			runFor(t, s, time.Hour)
			time.Sleep(4 * time.Hour) // 02:00 to 05:00 are missed
			runFor(t, s, time.Hour)
			wantRuns(t, m, want...)
		})
	}
}

// A task that takes longer than its schedule is not run beside itself; what it
// misses that way is as if it had been down.
func TestOverlapNever(t *testing.T) {
	for missed, want := range map[scheduler.Missed][]string{
		scheduler.MissedOnce: {"01 00:01:00 #1 ok", "01 00:03:00 #1 ok", "01 00:06:00 #1 ok"},
		scheduler.MissedAll:  {"01 00:01:00 #1 ok", "01 00:02:00 #1 ok", "01 00:03:00 #1 ok"},
		scheduler.MissedNone: {"01 00:01:00 #1 ok", "01 00:03:00 #1 ok", "01 00:06:00 #1 ok"},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMemory()
			do := func(context.Context, ledger.Run) (string, error) {
				time.Sleep(150 * time.Second)
				return "", nil
			}
			tasks := []scheduler.Task{{Name: "slow", Spec: "* * * * *", Do: do, Missed: missed}}
			runFor(t, newScheduler(t, scheduler.Config{Ledger: m, Tasks: tasks, Drain: time.Hour}), 6*time.Minute+10*time.Second)
			wantRuns(t, m, want...)
		})
	}
}

func TestParallelIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		var now, most atomic.Int64
		var tasks []scheduler.Task
		for i := range 9 {
			tasks = append(tasks, scheduler.Task{
				Name: fmt.Sprint(i), Spec: "0 1 * * *",
				Do: func(context.Context, ledger.Run) (string, error) {
					most.Store(max(most.Load(), now.Add(1)))
					time.Sleep(time.Minute)
					now.Add(-1)
					return "", nil
				},
			})
		}
		runFor(t, newScheduler(t, scheduler.Config{Ledger: m, Parallel: 3, Tasks: tasks}), 2*time.Hour)
		if len(m.all()) != 9 || most.Load() != 3 {
			t.Errorf("%d runs, %d at once; want 9, 3 at once", len(m.all()), most.Load())
		}
	})
}

func TestJitterIsTheSameEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tasks := []scheduler.Task{{Name: "t", Spec: "@hourly", Do: nothing, Jitter: 10 * time.Minute}}
		ledgers := [2]*memory{newMemory(), newMemory()}
		stop := running(t, newScheduler(t, scheduler.Config{Ledger: ledgers[0], Tasks: tasks}))
		runFor(t, newScheduler(t, scheduler.Config{Ledger: ledgers[1], Tasks: tasks}), 24*time.Hour-time.Minute)
		if err := stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
		delays := map[time.Duration]bool{}
		for i, r := range ledgers[0].all() {
			delay := r.Started.Sub(r.Planned)
			if delay < 0 || delay >= 10*time.Minute || !r.Started.Equal(ledgers[1].all()[i].Started) {
				t.Errorf("planned %s, started %s, and in the other process %s", r.Planned, r.Started, ledgers[1].all()[i].Started)
			}
			delays[delay] = true
		}
		if len(delays) < 20 {
			t.Errorf("%d different delays of %d runs", len(delays), len(ledgers[0].all()))
		}
	})
}

func TestStopLetsRunsFinish(t *testing.T) {
	for _, tt := range []struct {
		takes time.Duration
		want  string
		cut   bool
	}{{20 * time.Second, "01 00:01:00 #1 ok", false}, {time.Hour, "01 00:01:00 #1 interrupted", true}} {
		synctest.Test(t, func(t *testing.T) {
			m := newMemory()
			s := newScheduler(t, scheduler.Config{Ledger: m, Tasks: []scheduler.Task{{
				Name: "t", Spec: "* * * * *",
				Do: func(ctx context.Context, _ ledger.Run) (string, error) {
					select {
					case <-time.After(tt.takes):
						return "", nil
					case <-ctx.Done():
						time.Sleep(5 * time.Second) // to a safe point
						return "", ctx.Err()
					}
				},
			}}})
			stop := running(t, s)
			time.Sleep(61 * time.Second)
			began := time.Now()
			err := stop()
			if took := time.Since(began); (err != nil) != tt.cut || took > 35*time.Second {
				t.Errorf("Run = %v after %s", err, took)
			}
			wantRuns(t, m, tt.want)
			l := m.leases["t"]
			if !l.Until.IsZero() || tt.cut == l.Planned.Equal(m.all()[0].Planned) || l.Attempt != 0 {
				t.Errorf("lease %+v: want it given back, and what was cut not done with", l)
			}
		})
	}
}

func TestRunNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		fails := errors.New("broken")
		failure := fails
		tasks := []scheduler.Task{{Name: "t", Manual: true, Retries: 3, Do: func(context.Context, ledger.Run) (string, error) {
			time.Sleep(time.Hour)
			return `{"n":1}`, failure
		}}}
		a := newScheduler(t, scheduler.Config{Ledger: m, Holder: "a", Tasks: tasks})
		b := newScheduler(t, scheduler.Config{Ledger: m, Holder: "b", Tasks: tasks})
		began := time.Now()
		ended := make(chan error)
		go func() { _, err := a.RunNow(t.Context(), "t"); ended <- err }()
		time.Sleep(30 * time.Minute)
		for _, s := range []*scheduler.Scheduler{a, b} {
			asked := time.Now()
			_, err := s.RunNow(t.Context(), "t")
			var held *scheduler.HeldError
			if !errors.As(err, &held) || held.Task != "t" || !strings.HasPrefix(held.Holder, "a:") || !held.Since.Equal(began) || time.Since(asked) != 0 {
				t.Errorf("RunNow of what runs = %v (%+v) after %s", err, held, time.Since(asked))
			}
		}
		if err := <-ended; !errors.Is(err, fails) {
			t.Errorf("RunNow = %v, want the task's error", err)
		}
		failure = nil
		r, err := b.RunNow(t.Context(), "t")
		if err != nil || r.Outcome != "ok" || r.Summary != `{"n":1}` || r.Ended.Sub(r.Started) != time.Hour {
			t.Errorf("RunNow = %+v, %v", r, err)
		}
		if _, err := a.RunNow(t.Context(), "u"); !errors.Is(err, scheduler.ErrNoTask) {
			t.Errorf("RunNow of no task = %v", err)
		}
		wantRuns(t, m, "now #1 failed", "now #1 ok")
	})
}
