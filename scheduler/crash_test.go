package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"logstow/archive/ledger"
	"logstow/scheduler"
)

// deeds counts what tasks did, by task and planned time.
type deeds struct {
	mu      sync.Mutex // guards what follows
	done    map[string]int
	running map[string]int
	overlap []string
}

func newDeeds() *deeds { return &deeds{done: map[string]int{}, running: map[string]int{}} }

func (d *deeds) add(task string, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running[task] += n; d.running[task] > 1 {
		d.overlap = append(d.overlap, task)
	}
}

// task returns a task that takes a while, and fails for one planned time at
// first. In a process that is dead it does nothing.
func (d *deeds) task(name string, p *process) scheduler.Task {
	return scheduler.Task{
		Name: name, Spec: "* * * * *", Missed: scheduler.MissedAll, Retries: 1, Backoff: 5 * time.Second,
		Do: func(ctx context.Context, r ledger.Run) (string, error) {
			d.add(name, 1)
			defer d.add(name, -1)
			select {
			case <-time.After(35 * time.Second):
			case <-ctx.Done():
				return "", ctx.Err()
			}
			if p.dead() {
				return "", errDead
			}
			if r.Planned.Minute() == 2 && r.Attempt == 1 {
				return "", errors.New("broken")
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			d.done[name+r.Planned.Format(" 15:04")]++
			return "", nil
		},
	}
}

// TestCrashAtEveryCall has a process die at each of its calls to the ledger,
// before and after it took effect, and another go on.
func TestCrashAtEveryCall(t *testing.T) {
	for _, after := range []bool{false, true} {
		calls := 0
		for dies, whole := 1, false; !whole; dies++ {
			synctest.Test(t, func(t *testing.T) { whole = crashAt(t, dies, after) })
			calls = dies
		}
		if calls < 60 {
			t.Errorf("%d calls: too few for this to say anything", calls)
		}
	}
}

// crashAt tells whether the first process has lived to the end.
func crashAt(t *testing.T, dies int, after bool) bool {
	m, d := newMemory(), newDeeds()
	ctx, cancel := context.WithCancel(t.Context())
	first := &process{memory: m, dies: dies, after: after, onDie: cancel}
	go func() { time.Sleep(4*time.Minute + 30*time.Second); cancel() }()
	config := scheduler.Config{Ledger: first, Lease: 30 * time.Second, Drain: time.Nanosecond, Tasks: []scheduler.Task{d.task("a", first), d.task("b", first)}}
	_ = newScheduler(t, config).Run(ctx) // it may be cut

	second := &process{memory: m}
	config.Ledger, config.Tasks = second, []scheduler.Task{d.task("a", second), d.task("b", second)}
	config.Drain = time.Hour
	runFor(t, newScheduler(t, config), 15*time.Minute)

	where := fmt.Sprintf("death at call %d, after it: %v", dies, after)
	for _, task := range []string{"a", "b"} {
		from, twice := firstPlanned(m.all(), task), 0
		recorded := map[time.Time]int{}
		for _, r := range m.all() {
			if r.Task == task && r.Outcome == "ok" {
				recorded[r.Planned.UTC()]++
			}
		}
		for at := from; at.Before(time.Now().Add(-2 * time.Minute)); at = at.Add(time.Minute) {
			n := d.done[task+at.Format(" 15:04")]
			if recorded[at] != 1 || n < 1 {
				t.Errorf("%s: task %s, planned %s: recorded %d times, done %d times", where, task, at, recorded[at], n)
			}
			twice += n - 1
		}
		// What was done but not recorded when the process died is done again.
		if twice > 1 {
			t.Errorf("%s: task %s did %d planned times twice", where, task, twice)
		}
	}
	if len(d.overlap) > 0 {
		t.Errorf("%s: at the same time: %v", where, d.overlap)
	}
	return !first.dead()
}

func firstPlanned(runs []ledger.Run, task string) time.Time {
	for _, r := range runs {
		if r.Task == task {
			return r.Planned.UTC()
		}
	}
	return time.Time{}
}

// A process that is paused past its lease, and wakes: its run is cut, and says
// nothing any more. Nobody else waits for it.
func TestLostLeaseEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		var cause error
		var after time.Duration
		s := newScheduler(t, scheduler.Config{Ledger: m, Tasks: []scheduler.Task{{
			Name: "t", Spec: "0 1 * * *",
			Do: func(ctx context.Context, _ ledger.Run) (string, error) {
				began := time.Now()
				<-ctx.Done()
				cause, after = context.Cause(ctx), time.Since(began)
				return "", nil // it says that all is well
			},
		}}})
		stop := running(t, s)
		time.Sleep(time.Hour + 5*time.Second)
		m.set(func(l *ledger.Lease) { l.Fence, l.Holder, l.Until = l.Fence+1, "another", time.Now().Add(time.Hour) })
		time.Sleep(time.Minute)
		wantRuns(t, m, "01 01:00:00 #1 ")
		if err := stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
		if !errors.Is(cause, ledger.ErrFenced) || after > 20*time.Second {
			t.Errorf("the run ended by %v after %s, want ErrFenced when it should have been renewed", cause, after)
		}
		if l := m.leases["t"]; l.Holder != "another" || l.Until.IsZero() {
			t.Errorf("the other's lease is %+v", l)
		}
	})
}

// A ledger that can't be written ends a run when its lease is over, and not
// before; what ends meanwhile is recorded later.
func TestUnreachableLedgerEndsTheRun(t *testing.T) {
	for _, tt := range []struct {
		takes, outage time.Duration
		want          []string
	}{
		{15 * time.Minute, 25 * time.Second, []string{"01 01:00:00 #1 ok"}},
		{65 * time.Second, 25 * time.Second, []string{"01 01:00:00 #1 ok"}},
		{15 * time.Minute, 10 * time.Minute, []string{"01 01:00:00 #1 ", "01 01:00:00 #2 ok"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMemory()
			p := &process{memory: m, onDie: func() {}}
			s := newScheduler(t, scheduler.Config{Ledger: p, Tasks: []scheduler.Task{{
				Name: "t", Spec: "0 1 * * *",
				Do: func(ctx context.Context, _ ledger.Run) (string, error) {
					select {
					case <-time.After(tt.takes):
						return "", nil
					case <-ctx.Done():
						return "", ctx.Err()
					}
				},
			}}})
			stop := running(t, s)
			time.Sleep(time.Hour + time.Minute)
			p.die()
			time.Sleep(tt.outage)
			p.revive()
			time.Sleep(20 * time.Minute)
			if err := stop(); err != nil {
				t.Errorf("Run = %v", err)
			}
			wantRuns(t, m, tt.want...)
		})
	}
}

// What kills every process that runs it is given up.
func TestDeathsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		tasks := []scheduler.Task{{Name: "t", Spec: "@hourly", Do: func(context.Context, ledger.Run) (string, error) {
			return "", nil
		}}}
		s := newScheduler(t, scheduler.Config{Ledger: m, Tasks: tasks})
		at := time.Now().Add(time.Hour)
		runFor(t, s, time.Minute)
		for _, deaths := range []int64{5, 6} {
			m.set(func(l *ledger.Lease) { l.Trying, l.Attempt = at, deaths })
			at = at.Add(time.Hour)
			runFor(t, s, time.Hour)
		}
		wantRuns(t, m, "01 01:00:00 #6 ok", "01 02:00:00 #7 failed")
		if got := m.all()[1].Error; !strings.Contains(got, "given up") {
			t.Errorf("the error is %q, want it to say that it was given up", got)
		}
	})
}

// RunNow takes over from who died, after a while in which that could have been
// denied.
func TestRunNowAfterADeath(t *testing.T) {
	for _, alive := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := newMemory()
			l, err := m.AcquireLease(t.Context(), ledger.Lease{Task: "t", Holder: "other", Since: time.Now(), Until: time.Now().Add(time.Minute)})
			if err != nil {
				t.Fatal(err)
			}
			s := newScheduler(t, scheduler.Config{Ledger: m, Tasks: []scheduler.Task{{Name: "t", Manual: true, Do: nothing}}})
			time.Sleep(time.Hour)
			began := time.Now()
			if alive {
				time.AfterFunc(20*time.Second, func() { l.Until = time.Now().Add(time.Minute); _ = m.RenewLease(t.Context(), l) })
			}
			_, err = s.RunNow(t.Context(), "t")
			if errors.Is(err, ledger.ErrHeld) != alive || (err == nil) == alive || time.Since(began) != 30*time.Second {
				t.Errorf("RunNow = %v after %s, with the holder alive: %v", err, time.Since(began), alive)
			}
		})
	}
}

// A run whose ledger was taken away is cut when its lease should have been
// renewed: what it does is no longer on record.
func TestReplacedLedgerEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		s := newScheduler(t, scheduler.Config{Ledger: replaced{m}, Tasks: []scheduler.Task{{
			Name: "t", Manual: true,
			Do: func(ctx context.Context, _ ledger.Run) (string, error) {
				<-ctx.Done()
				return "", ctx.Err()
			},
		}}})
		began := time.Now()
		_, err := s.RunNow(t.Context(), "t")
		if took := time.Since(began); !errors.Is(err, scheduler.ErrLost) || !errors.Is(err, ledger.ErrReplaced) || took != 20*time.Second {
			t.Errorf("RunNow = %v after %s, want ErrLost by ErrReplaced when the lease should have been renewed", err, took)
		}
	})
}

// replaced is a ledger whose file is taken away once a run has begun.
type replaced struct{ *memory }

func (replaced) RenewLease(context.Context, ledger.Lease) error { return ledger.ErrReplaced }

func (replaced) EndRun(context.Context, ledger.Run) error { return ledger.ErrReplaced }
