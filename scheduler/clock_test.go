package scheduler_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"logstow/archive/ledger"
	"logstow/scheduler"
)

// clock is one that is set now and then.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

// TestClockThatIsSet sets the clock at random, by three hours at most.
func TestClockThatIsSet(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, missed := range []scheduler.Missed{scheduler.MissedOnce, scheduler.MissedAll, scheduler.MissedNone} {
		synctest.Test(t, func(t *testing.T) {
			m, d := newMemory(), newDeeds()
			var c clock
			task := d.task("t", &process{})
			task.Missed, task.MissedLimit = missed, 5
			config := scheduler.Config{Ledger: m, Now: c.now, Tasks: []scheduler.Task{task}, Drain: time.Hour}
			stops := []func() error{running(t, newScheduler(t, config)), running(t, newScheduler(t, config))}
			const jumps = 200
			for range jumps {
				time.Sleep(time.Duration(rng.Int64N(int64(10 * time.Minute))))
				c.offset.Store(int64(time.Duration(rng.IntN(4))*30*time.Minute) * (rng.Int64N(3) - 1))
			}
			c.offset.Store(int64(100 * time.Hour)) // nothing that was planned for later
			time.Sleep(time.Hour)
			for _, stop := range stops {
				if err := stop(); err != nil {
					t.Errorf("Run = %v", err)
				}
			}
			done := map[time.Time]bool{}
			for _, r := range m.all() {
				if at := r.Planned.UTC(); r.Outcome == "ok" && done[at] {
					t.Errorf("planned %s was done twice", at)
				} else if r.Outcome == "ok" {
					done[at] = true
				}
			}
			if len(d.overlap) > 0 {
				t.Errorf("%d times at the same time", len(d.overlap))
			}
			if n := len(m.all()); n < 100 || n > 200*10+jumps*5 {
				t.Errorf("%d runs", n)
			}
		})
	}
}

// A clock that was years ahead leaves a record that doesn't stop the task.
func TestClockThatWasWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		var c clock
		s := newScheduler(t, scheduler.Config{Ledger: m, Now: c.now, Tasks: []scheduler.Task{{Name: "t", Spec: "@hourly", Do: nothing}}})
		for _, offset := range []time.Duration{0, 5 * 365 * 24 * time.Hour, 0} {
			c.offset.Store(int64(offset))
			runFor(t, s, 95*time.Minute)
		}
		// One that died then holds nothing now.
		m.set(func(l *ledger.Lease) { l.Until = time.Now().Add(1000 * time.Hour) })
		runFor(t, s, 95*time.Minute)
		var all []string
		for _, r := range m.all() {
			all = append(all, r.Planned.UTC().Format("2006 15:04"))
		}
		if want := "[2000 01:00 2004 01:00 2004 02:00 2004 03:00 2000 04:00 2000 05:00 2000 06:00]"; fmt.Sprint(all) != want {
			t.Errorf("planned times %v, want %s", all, want)
		}
	})
}

// A clock that goes wrong under a scheduler, and is mended, doesn't stop it for
// longer than three hours.
func TestClockThatGoesWrong(t *testing.T) {
	for ahead, want := range map[time.Duration]string{
		150 * time.Minute: "[05:00]", // 04:00 is done
		20 * time.Hour:    "[02:00 03:00 04:00 05:00]",
		1000 * time.Hour:  "[02:00 03:00 04:00 05:00]",
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMemory()
			var c clock
			stop := running(t, newScheduler(t, scheduler.Config{Ledger: m, Now: c.now, Tasks: []scheduler.Task{{Name: "t", Spec: "@hourly", Do: nothing}}}))
			time.Sleep(90 * time.Minute)
			c.offset.Store(int64(ahead))
			time.Sleep(10 * time.Minute)
			n := len(m.all())
			c.offset.Store(0)
			time.Sleep(230 * time.Minute)
			if err := stop(); err != nil {
				t.Errorf("Run = %v", err)
			}
			var after []string
			for _, r := range m.all()[n:] {
				after = append(after, r.Planned.UTC().Format("15:04"))
			}
			if n != 2 || fmt.Sprint(after) != want {
				t.Errorf("a clock that was %s ahead: %d runs before it was mended, and then those of %v, want 2 and %s", ahead, n, after, want)
			}
		})
	}
}

// Whose clock is ahead believes every lease to have lapsed, and yet takes over
// none that is renewed.
func TestClocksThatDiffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		tasks := []scheduler.Task{{Name: "t", Manual: true, Do: func(context.Context, ledger.Run) (string, error) {
			time.Sleep(time.Hour)
			return "", nil
		}}}
		right := newScheduler(t, scheduler.Config{Ledger: m, Tasks: tasks})
		ahead := newScheduler(t, scheduler.Config{Ledger: m, Tasks: tasks, Now: func() time.Time { return time.Now().Add(30 * time.Minute) }})
		ended := make(chan error)
		go func() { _, err := right.RunNow(t.Context(), "t"); ended <- err }()
		for range 20 {
			time.Sleep(77 * time.Second)
			if _, err := ahead.RunNow(t.Context(), "t"); !errors.Is(err, ledger.ErrHeld) {
				t.Errorf("RunNow by a clock that is ahead = %v, want ErrHeld", err)
			}
		}
		if err := <-ended; err != nil {
			t.Errorf("RunNow = %v", err)
		}
		wantRuns(t, m, "now #1 ok")
	})
}

// Who is stopped while it waits for a dead process's lease begins nothing, and
// has nothing to complain of.
func TestStopBeforeATakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		var log bytes.Buffer
		s := newScheduler(t, scheduler.Config{
			Ledger: m, Tasks: []scheduler.Task{{Name: "t", Spec: "@hourly", Do: nothing}},
			Log: slog.New(slog.NewTextHandler(&log, nil)),
		})
		runFor(t, s, time.Minute)
		if _, err := m.AcquireLease(t.Context(), ledger.Lease{Task: "t", Holder: "dead", Since: time.Now(), Until: time.Now().Add(time.Minute)}); err != nil {
			t.Fatal(err)
		}
		runFor(t, s, time.Hour-time.Minute+15*time.Second) // it waits for half a minute
		if l := m.leases["t"]; len(m.all()) > 0 || log.Len() > 0 || l.Holder != "dead" {
			t.Errorf("runs %v, lease %+v, log:\n%s", m.all(), l, log.String())
		}
	})
}
