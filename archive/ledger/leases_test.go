package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"logstow/archive/ledger"
)

func acquire(t *testing.T, l *ledger.Ledger, task string, now time.Time, d time.Duration) ledger.Lease {
	t.Helper()
	got, err := l.AcquireLease(t.Context(), ledger.Lease{Task: task, Holder: "h", Since: now, Until: now.Add(d)})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestLeases(t *testing.T) {
	l := open(t, newPath(t))
	if _, err := l.Lease(t.Context(), "t"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Lease of no task = %v, want fs.ErrNotExist", err)
	}
	first, err := l.LastPlanned(t.Context(), "t", noon)
	if err != nil || !first.Equal(noon) {
		t.Errorf("LastPlanned = %s, %v, want %s", first, err, noon)
	}
	if again, err := l.LastPlanned(t.Context(), "t", noon.Add(time.Hour)); err != nil || !again.Equal(noon) {
		t.Errorf("LastPlanned = %s, %v, want what is on record", again, err)
	}
	had := acquire(t, l, "t", noon, time.Minute)
	equal(t, "AcquireLease", had, ledger.Lease{Task: "t", Holder: "h", Fence: 1, Since: noon, Until: noon.Add(time.Minute), Planned: noon})
	other, err := l.AcquireLease(t.Context(), ledger.Lease{Task: "t", Holder: "i", Since: noon.Add(59 * time.Second), Until: noon.Add(time.Hour)})
	if !errors.Is(err, ledger.ErrHeld) {
		t.Errorf("AcquireLease of a lease that is held = %v, want ErrHeld", err)
	}
	equal(t, "whose it is", other, had)
	taken := acquire(t, l, "t", noon.Add(time.Minute), time.Hour)
	for name, err := range map[string]error{
		"RenewLease":   l.RenewLease(t.Context(), had),
		"ReleaseLease": l.ReleaseLease(t.Context(), had),
		"StartTaskRun": func() error {
			_, err := l.StartTaskRun(t.Context(), ledger.Run{Task: "t", Fence: 1})
			return err
		}(),
		"Commit": l.Commit(ledger.WithFence(t.Context(), had), ledger.Batch{Documents: []ledger.Document{job("u", "1", "a")}}),
	} {
		if !errors.Is(err, ledger.ErrFenced) {
			t.Errorf("%s by who lost the lease = %v, want ErrFenced", name, err)
		}
	}
	if err := l.Commit(ledger.WithFence(t.Context(), taken), ledger.Batch{Documents: []ledger.Document{job("u", "2", "a")}}); err != nil {
		t.Errorf("Commit by who has the lease: %v", err)
	}
	if got := all(t, l.Documents(t.Context(), ledger.Query{})); len(got) != 1 || got[0].Job != "2" {
		t.Errorf("documents %v, want what the holder committed", got)
	}
	for range 2 {
		if err := l.ReleaseLease(t.Context(), taken); err != nil {
			t.Errorf("ReleaseLease: %v", err)
		}
	}
	if err := l.RenewLease(t.Context(), taken); !errors.Is(err, ledger.ErrFenced) {
		t.Errorf("RenewLease of what was given back = %v, want ErrFenced", err)
	}
	// One that ends in years was written by a clock that was wrong.
	acquire(t, l, "t", noon.Add(10_000*time.Hour), time.Minute)
	if got := acquire(t, l, "t", noon, time.Minute); got.Fence != 4 {
		t.Errorf("fence %d, want 4", got.Fence)
	}
	leases, err := l.Leases(t.Context())
	if err != nil || len(leases) != 1 || leases[0].Fence != 4 {
		t.Errorf("Leases = %v, %v", leases, err)
	}
}

func TestAcquireLeaseRefuses(t *testing.T) {
	l := open(t, newPath(t))
	good := ledger.Lease{Task: "t", Holder: "h", Since: noon, Until: noon.Add(time.Minute)}
	for name, spoil := range map[string]func(l *ledger.Lease){
		"no task": func(l *ledger.Lease) { l.Task = "" }, "no holder": func(l *ledger.Lease) { l.Holder = "" },
		"no time": func(l *ledger.Lease) { l.Until = noon }, "too long": func(l *ledger.Lease) { l.Until = noon.Add(25 * time.Hour) },
	} {
		bad := good
		spoil(&bad)
		if _, err := l.AcquireLease(t.Context(), bad); err == nil || errors.Is(err, ledger.ErrHeld) {
			t.Errorf("AcquireLease with %s = %v", name, err)
		}
	}
}

func TestTaskRuns(t *testing.T) {
	l := open(t, newPath(t))
	had := acquire(t, l, "t", noon, time.Minute)
	want := ledger.Run{Command: "c", Task: "t", Started: noon, Planned: noon.Add(-time.Hour), Attempt: 1, Fence: had.Fence}
	for range 2 { // as where an answer was lost
		got, err := l.StartTaskRun(t.Context(), want)
		if err != nil {
			t.Fatal(err)
		}
		want.ID = 1
		equal(t, "StartTaskRun", got, want)
	}
	end := func(r ledger.Run, outcome string, settles bool) ledger.Lease {
		t.Helper()
		r.Ended, r.Outcome, r.Summary, r.Error, r.Settles = noon.Add(time.Second), outcome, "{}", "an error", settles
		for range 2 {
			if err := l.EndRun(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		got, err := l.Lease(t.Context(), "t")
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, tt := range []struct {
		outcome string
		settles bool
		attempt int64
	}{{"interrupted", false, 0}, {"failed", false, 1}, {"failed", true, 0}} {
		got := end(want, tt.outcome, tt.settles)
		if got.Attempt != tt.attempt || got.Trying.IsZero() != tt.settles || got.Planned.Equal(want.Planned) != tt.settles {
			t.Errorf("%+v: the lease is %+v", tt, got)
		}
		if !tt.settles {
			if _, err := l.StartTaskRun(t.Context(), want); err != nil {
				t.Fatal(err)
			}
		}
	}
	runs, err := l.Runs(t.Context(), ledger.RunQuery{Task: "t", Limit: 1})
	if err != nil || len(runs) != 1 {
		t.Fatalf("TaskRuns = %v, %v", runs, err)
	}
	if r := runs[0]; r.Task != "t" || r.Attempt != 1 || r.Fence != 1 || !r.Planned.Equal(want.Planned) {
		t.Errorf("TaskRuns = %+v", r)
	}
	asked, err := l.StartTaskRun(t.Context(), ledger.Run{Task: "t", Started: noon, Attempt: 1, Fence: 1})
	if err != nil {
		t.Fatal(err)
	}
	before, _ := l.Lease(t.Context(), "t")
	equal(t, "the lease after a run that was asked for", end(asked, "ok", true), before)
	later := acquire(t, l, "t", noon.Add(time.Hour), time.Minute)
	if err := l.EndRun(t.Context(), want); !errors.Is(err, ledger.ErrFenced) {
		t.Errorf("EndRun under a lost lease = %v, want ErrFenced", err)
	}
	stranger := want
	stranger.Task, stranger.Fence = "u", 1
	acquire(t, l, "u", noon, time.Hour)
	if err := l.EndRun(t.Context(), stranger); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("EndRun of another task's run = %v, want fs.ErrNotExist", err)
	}
	stranger.Task = ""
	if err := l.EndRun(t.Context(), stranger); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("EndRun of a task's run without its task = %v, want fs.ErrNotExist", err)
	}
	if later.Fence != 2 {
		t.Errorf("fence %d, want 2", later.Fence)
	}
}

// leaseWorld is leases as they ought to be, beside two ledgers on one file.
type leaseWorld struct {
	ledgers [2]*ledger.Ledger
	now     time.Time
	leases  map[string]*ledger.Lease // as they ought to be
	held    []ledger.Run             // what somebody ran, and under which lease, lost or not
}

// TestLeasesAgreeWithAnOracle makes random calls through two ledgers on one
// file, and holds each against what a fence promises.
func TestLeasesAgreeWithAnOracle(t *testing.T) {
	path := newPath(t)
	ledgers := [2]*ledger.Ledger{open(t, path), open(t, path)}
	for _, l := range ledgers { // nothing here dies
		if _, err := l.Writer().ExecContext(t.Context(), "PRAGMA synchronous = off"); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		if _, err := ledgers[0].Writer().ExecContext(context.Background(), "DELETE FROM runs; DELETE FROM leases"); err != nil {
			t.Fatal(err)
		}
		w := &leaseWorld{ledgers: ledgers, now: noon, leases: map[string]*ledger.Lease{}}
		t.Repeat(map[string]func(*rapid.T){
			"acquire": w.acquire, "renew": w.renew, "release": w.release,
			"start": w.start, "end": w.end, "planned": w.planned, "": w.check,
		})
	})
}

func (w *leaseWorld) any(t *rapid.T) *ledger.Ledger {
	w.now = w.now.Add(time.Duration(rapid.IntRange(-1, 3).Draw(t, "minutes")) * time.Minute)
	return w.ledgers[rapid.IntRange(0, 1).Draw(t, "ledger")]
}

func (w *leaseWorld) acquire(t *rapid.T) {
	l := w.any(t)
	task := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "task")
	have := w.leases[task]
	got, err := l.AcquireLease(context.Background(), ledger.Lease{Task: task, Holder: fmt.Sprint(len(w.held)), Since: w.now, Until: w.now.Add(2 * time.Minute)})
	if have != nil && !have.Until.IsZero() && have.Until.After(w.now) {
		if !errors.Is(err, ledger.ErrHeld) || got.Fence != have.Fence || got.Holder != have.Holder {
			t.Fatalf("AcquireLease = %+v, %v; it is %+v", got, err, have)
		}
		return
	}
	if have == nil {
		have = &ledger.Lease{Task: task}
		w.leases[task] = have
	}
	if err != nil || got.Fence != have.Fence+1 {
		t.Fatalf("AcquireLease = %+v, %v; it was %+v", got, err, have)
	}
	have.Fence, have.Holder, have.Since, have.Until = got.Fence, got.Holder, w.now, w.now.Add(2*time.Minute)
	w.held = append(w.held, ledger.Run{Task: task, Fence: got.Fence, Started: w.now})
}

// holder draws somebody who has, or had, a lease, and tells whether it holds.
func (w *leaseWorld) holder(t *rapid.T) (*ledger.Run, *ledger.Lease, bool) {
	if len(w.held) == 0 {
		t.Skip("nobody has acquired anything")
	}
	r := &w.held[rapid.IntRange(0, len(w.held)-1).Draw(t, "holder")]
	is := w.leases[r.Task]
	return r, is, is.Fence == r.Fence && !is.Until.IsZero()
}

// agree wants ErrFenced where the lease was lost, and nothing where not.
func agree(t *rapid.T, call string, err error, holds bool, is *ledger.Lease) {
	if holds != (err == nil) || !holds && !errors.Is(err, ledger.ErrFenced) {
		t.Fatalf("%s = %v; the lease is %+v", call, err, is)
	}
}

func (w *leaseWorld) renew(t *rapid.T) {
	l := w.any(t)
	r, is, holds := w.holder(t)
	until := w.now.Add(5 * time.Minute)
	agree(t, "RenewLease", l.RenewLease(context.Background(), ledger.Lease{Task: r.Task, Fence: r.Fence, Until: until}), holds, is)
	if holds {
		is.Until = until
	}
}

func (w *leaseWorld) release(t *rapid.T) {
	l := w.any(t)
	r, is, _ := w.holder(t)
	last := is.Fence == r.Fence
	agree(t, "ReleaseLease", l.ReleaseLease(context.Background(), ledger.Lease{Task: r.Task, Fence: r.Fence}), last, is)
	if last {
		is.Until = time.Time{}
	}
}

func (w *leaseWorld) start(t *rapid.T) {
	l := w.any(t)
	r, is, holds := w.holder(t)
	if r.ID != 0 {
		t.Skip("it runs")
	}
	r.Planned, r.Attempt = w.now, is.Attempt+1
	got, err := l.StartTaskRun(context.Background(), *r)
	agree(t, "StartTaskRun", err, holds, is)
	if holds {
		*r = got
		is.Trying, is.Attempt = r.Planned, r.Attempt
	}
}

func (w *leaseWorld) end(t *rapid.T) {
	l := w.any(t)
	r, is, holds := w.holder(t)
	if r.ID == 0 {
		t.Skip("it doesn't run")
	}
	r.Ended, r.Outcome = w.now, rapid.SampledFrom([]string{"ok", "failed", "interrupted"}).Draw(t, "outcome")
	r.Settles = r.Outcome == "ok"
	agree(t, "EndRun", l.EndRun(context.Background(), *r), holds, is)
	switch {
	case !holds:
	case r.Settles:
		is.Planned, is.Trying, is.Attempt = r.Planned, time.Time{}, 0
	case r.Outcome == "interrupted":
		is.Attempt = r.Attempt - 1
	}
	r.ID = 0
}

func (w *leaseWorld) planned(t *rapid.T) {
	l := w.any(t)
	task := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "task")
	is := w.leases[task]
	if is == nil {
		is = &ledger.Lease{Task: task, Since: w.now}
		w.leases[task] = is
	}
	if is.Planned.IsZero() {
		is.Planned = w.now
	}
	if got, err := l.LastPlanned(context.Background(), task, w.now); err != nil || !got.Equal(is.Planned) {
		t.Fatalf("LastPlanned = %s, %v, want %s", got, err, is.Planned)
	}
}

func (w *leaseWorld) check(t *rapid.T) {
	l := w.any(t)
	leases, err := l.Leases(context.Background())
	if err != nil || len(leases) != len(w.leases) {
		t.Fatalf("Leases = %v, %v, want %d", leases, err, len(w.leases))
	}
	for _, got := range leases {
		if want := *w.leases[got.Task]; got != want {
			t.Fatalf("lease %+v, want %+v", got, want)
		}
	}
}

// TestLeasesAtOnce has holders of two ledgers take, renew, lose and give back
// one lease at the same time. Each fence is given out once, and of those that
// are told that their planned time is done with none comes after a later one.
func TestLeasesAtOnce(t *testing.T) {
	path := newPath(t)
	ledgers := []*ledger.Ledger{open(t, path), open(t, path)}
	var clock atomic.Int64
	var mu sync.Mutex
	given := map[int64]bool{} // guarded by mu
	var wg sync.WaitGroup
	for worker := range 6 {
		l := ledgers[worker%2]
		wg.Go(func() {
			for n := 0; n < 20; {
				now := noon.Add(time.Duration(clock.Add(1)) * time.Second)
				have, err := l.AcquireLease(t.Context(), ledger.Lease{Task: "t", Holder: fmt.Sprint(worker), Since: now, Until: now.Add(3 * time.Second)})
				if errors.Is(err, ledger.ErrHeld) {
					continue
				}
				if err != nil {
					t.Errorf("AcquireLease: %v", err)
					return
				}
				n++
				mu.Lock()
				if given[have.Fence] {
					t.Errorf("fence %d was given out twice", have.Fence)
				}
				given[have.Fence] = true
				mu.Unlock()
				r, err := l.StartTaskRun(t.Context(), ledger.Run{Task: "t", Fence: have.Fence, Attempt: 1, Planned: noon.Add(time.Duration(have.Fence) * time.Second), Started: now})
				if err == nil {
					r.Settles, r.Outcome, r.Ended = true, "ok", now
					err = l.EndRun(t.Context(), r)
				}
				if err == nil && n%3 > 0 {
					err = l.ReleaseLease(t.Context(), have)
				}
				if err != nil && !errors.Is(err, ledger.ErrFenced) {
					t.Errorf("fence %d: %v", have.Fence, err)
				}
			}
		})
	}
	wg.Wait()
	runs, err := ledgers[0].Runs(t.Context(), ledger.RunQuery{Task: "t"})
	if err != nil {
		t.Fatal(err)
	}
	last := int64(0)
	for _, r := range runs {
		if r.Outcome == "ok" {
			last = max(last, r.Fence)
		}
	}
	lease, err := ledgers[1].Lease(t.Context(), "t")
	if err != nil || !lease.Planned.Equal(noon.Add(time.Duration(last)*time.Second)) || len(given) != 120 || lease.Fence != 120 {
		t.Errorf("lease %+v, %v after %d were given; the last to end well was %d", lease, err, len(given), last)
	}
}
