package scheduler_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"logstow/archive/ledger"
	"logstow/scheduler"
)

// patience is how long a Scheduler waits for a task that doesn't return, where
// nobody says otherwise.
const patience = 20 * time.Second

// stubborn returns a task that doesn't return before free is closed.
func stubborn(name string, free <-chan struct{}) scheduler.Task {
	return scheduler.Task{
		Name: name, Spec: "0 1 * * *", Timeout: 10 * time.Minute, Retries: 1,
		Do: func(context.Context, ledger.Run) (string, error) {
			<-free
			return "", nil
		},
	}
}

// wantStuck wants the last run of a task to be recorded as failed, and its lease
// not to be given back.
func wantStuck(t *testing.T, m *memory, task string) {
	t.Helper()
	for _, r := range m.all() {
		if r.Task == task && (r.Outcome != "failed" || !strings.Contains(r.Error, "stuck: task "+task)) {
			t.Errorf("run %+v, want it to have failed, being stuck", r)
		}
	}
	if l := m.leases[task]; l.Until.IsZero() || l.Until.After(time.Now().Add(time.Minute)) {
		t.Errorf("lease %+v at %s, want it to lapse by itself", l, time.Now().UTC())
	}
}

// A task that doesn't return at its timeout ends the scheduler, which lets other
// tasks finish. Nobody runs it before its lease has lapsed.
func TestStuckTaskEndsTheScheduler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, free := newMemory(), make(chan struct{})
		config := scheduler.Config{Ledger: m, Patience: 2 * time.Minute, Tasks: []scheduler.Task{
			stubborn("stuck", free),
			{Name: "other", Spec: "1,11,21,31 1 * * *", Do: func(context.Context, ledger.Run) (string, error) {
				time.Sleep(75 * time.Second) // at 01:12 it still runs
				return "", nil
			}},
		}}
		err := newScheduler(t, config).Run(t.Context())
		if !errors.Is(err, scheduler.ErrStuck) || !strings.Contains(err.Error(), "stuck") {
			t.Errorf("Run = %v, want ErrStuck", err)
		}
		if at := time.Now().UTC().Format("15:04:05"); at != "01:12:15" {
			t.Errorf("Run returned at %s, want it to have waited for the other task and for nothing else", at)
		}
		wantRuns(t, m, "01 01:00:00 #1 failed", "01 01:01:00 #1 ok", "01 01:11:00 #1 ok")
		wantStuck(t, m, "stuck")
		close(free)

		done := 0
		config.Tasks = []scheduler.Task{stubborn("stuck", free), {Name: "other", Manual: true, Do: nothing}}
		config.Tasks[0].Do = func(context.Context, ledger.Run) (string, error) { done++; return "", nil }
		began := time.Now()
		s := newScheduler(t, config)
		if _, err := s.RunNow(t.Context(), "stuck"); !errors.Is(err, ledger.ErrHeld) {
			t.Errorf("RunNow while it may still run = %v, want ErrHeld", err)
		}
		runFor(t, s, 5*time.Minute)
		all := m.all()
		if r := all[len(all)-1]; done != 1 || r.Attempt != 2 || r.Started.Sub(began) < 40*time.Second || m.leases["stuck"].Planned.Hour() != 1 {
			t.Errorf("the next process did it %d times, last %+v; want it once, after the lease", done, r)
		}
	})
}

func TestStuckTaskIsCutWhenStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, free := newMemory(), make(chan struct{})
		task := stubborn("t", free)
		task.Timeout = 0
		stop := running(t, newScheduler(t, scheduler.Config{Ledger: m, Tasks: []scheduler.Task{task}}))
		time.Sleep(time.Hour + time.Minute)
		began := time.Now()
		if err := stop(); !errors.Is(err, scheduler.ErrStuck) || time.Since(began) != 30*time.Second+patience {
			t.Errorf("Run = %v after %s, want ErrStuck when drain and patience are over", err, time.Since(began))
		}
		wantStuck(t, m, "t")
		close(free)
	})
}

func TestStuckTaskThatLostItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, free := newMemory(), make(chan struct{})
		var ended []error
		s := newScheduler(t, scheduler.Config{Ledger: m, Tasks: []scheduler.Task{stubborn("t", free)}, Ended: func(r ledger.Run, failure error) {
			if r.Outcome != "interrupted" {
				t.Errorf("the run that was not recorded is %q", r.Outcome)
			}
			ended = append(ended, failure)
		}})
		time.AfterFunc(time.Hour+5*time.Second, func() {
			m.set(func(l *ledger.Lease) { l.Fence, l.Holder, l.Until = l.Fence+1, "another", time.Now().Add(time.Hour) })
		})
		if err := s.Run(t.Context()); !errors.Is(err, scheduler.ErrStuck) || !errors.Is(err, scheduler.ErrLost) {
			t.Errorf("Run = %v, want ErrStuck and ErrLost", err)
		}
		wantRuns(t, m, "01 01:00:00 #1 ")
		if len(ended) != 1 || !errors.Is(ended[0], scheduler.ErrLost) || m.leases["t"].Holder != "another" {
			t.Errorf("ended by %v, with the lease %+v", ended, m.leases["t"])
		}
		close(free)
	})
}

func TestRunNowReturnsWhatIsStuck(t *testing.T) {
	for _, returns := range []time.Duration{10 * time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			m := newMemory()
			task := stubborn("t", nil)
			task.Do = func(ctx context.Context, _ ledger.Run) (string, error) {
				<-ctx.Done()
				time.Sleep(returns)
				return "", ctx.Err()
			}
			s := newScheduler(t, scheduler.Config{Ledger: m, Tasks: []scheduler.Task{task}})
			began := time.Now()
			_, err := s.RunNow(t.Context(), "t")
			stuck := returns > patience
			if errors.Is(err, scheduler.ErrStuck) != stuck || !errors.Is(err, scheduler.ErrTimeout) || time.Since(began) != 10*time.Minute+min(returns, patience) {
				t.Errorf("RunNow = %v after %s where it takes %s to return", err, time.Since(began), returns)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("RunNow says it twice: %v", err)
			}
			if released := m.leases["t"].Until.IsZero(); released == stuck {
				t.Errorf("the lease is given back: %v, where it takes %s to return", released, returns)
			}
			time.Sleep(2 * time.Hour)
		})
	}
}
