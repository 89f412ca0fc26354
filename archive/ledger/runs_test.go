package ledger_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"
	"time"

	"logstow/archive/ledger"
)

// start records a run of a command that began at at and, unless ended is zero,
// ended then.
func start(t *testing.T, l *ledger.Ledger, command string, at, ended time.Time) ledger.Run {
	t.Helper()
	r, err := l.StartRun(t.Context(), command, at)
	if err != nil {
		t.Fatal(err)
	}
	if ended.IsZero() {
		return r
	}
	r.Ended, r.Outcome, r.Summary = ended, "ok", `{"read":1}`
	if err := l.EndRun(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return r
}

// startTask is start for a run of a task.
func startTask(t *testing.T, l *ledger.Ledger, have ledger.Lease, at, ended time.Time) ledger.Run {
	t.Helper()
	r, err := l.StartTaskRun(t.Context(), ledger.Run{Command: "archive", Task: have.Task, Fence: have.Fence, Attempt: at.Unix(), Started: at})
	if err != nil {
		t.Fatal(err)
	}
	if ended.IsZero() {
		return r
	}
	r.Ended, r.Outcome, r.Summary = ended, "failed", "{}"
	if err := l.EndRun(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return r
}

func runIDs(t *testing.T, l *ledger.Ledger, q ledger.RunQuery) (ids []int64) {
	t.Helper()
	runs, err := l.Runs(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		ids = append(ids, r.ID)
	}
	return ids
}

func TestRuns(t *testing.T) {
	l := open(t, newPath(t))
	first := start(t, l, "archive", noon, time.Time{})
	second := start(t, l, "adopt", noon.Add(time.Second), noon.Add(time.Minute))
	nightly := acquire(t, l, "nightly", noon, time.Hour)
	third := startTask(t, l, nightly, noon, noon.Add(time.Minute))
	startTask(t, l, acquire(t, l, "other", noon, time.Hour), noon, time.Time{})
	startTask(t, l, nightly, noon, noon.Add(time.Minute))
	for _, want := range []ledger.Run{first, second, third} {
		got, err := l.Run(t.Context(), want.ID)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "Run", got, want)
	}
	for _, id := range []int64{0, -1, 6} {
		if _, err := l.Run(t.Context(), id); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Run(%d) = %v, want fs.ErrNotExist", id, err)
		}
	}
	for _, tt := range []struct {
		q    ledger.RunQuery
		want []int64
	}{
		{ledger.RunQuery{}, []int64{5, 4, 3, 2, 1}},
		{ledger.RunQuery{Limit: 2}, []int64{5, 4}},
		{ledger.RunQuery{Limit: 2, Before: 4}, []int64{3, 2}},
		{ledger.RunQuery{Task: "nightly"}, []int64{5, 3}},
		{ledger.RunQuery{Task: "nightly", Before: 5, Limit: 9}, []int64{3}},
		{ledger.RunQuery{Task: "nightly", Command: "adopt"}, nil},
		{ledger.RunQuery{Command: "archive"}, []int64{5, 4, 3, 1}},
		{ledger.RunQuery{Task: "' OR 1 --"}, nil},
	} {
		equal(t, fmt.Sprintf("Runs(%+v)", tt.q), runIDs(t, l, tt.q), tt.want)
	}
	if err := l.EndRun(t.Context(), ledger.Run{ID: 99}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("EndRun of an unknown run = %v, want fs.ErrNotExist", err)
	}
}

func TestForgetRuns(t *testing.T) {
	l := open(t, newPath(t))
	old, young := noon, noon.Add(48*time.Hour)
	nightly := acquire(t, l, "nightly", old, time.Minute)
	var kept []int64
	keep := func(r ledger.Run) { kept = append(kept, r.ID) }
	keep(start(t, l, "once", old, old.Add(time.Minute)))      // the latest of its command
	keep(start(t, l, "archive", old, time.Time{}))            // nobody knows whether it has died
	start(t, l, "archive", old, old.Add(time.Minute))         // goes
	start(t, l, "archive", old, young.Add(-time.Millisecond)) // goes
	keep(start(t, l, "archive", old, young))                  // it ended too late
	startTask(t, l, nightly, old, old.Add(time.Minute))       // goes
	startTask(t, l, nightly, old, time.Time{})                // goes: it died
	weekly := acquire(t, l, "weekly", old, time.Minute)       //
	keep(startTask(t, l, weekly, old, old.Add(time.Minute)))  // the latest of its task
	nightly = acquire(t, l, "nightly", old.Add(time.Hour), time.Minute)
	keep(startTask(t, l, nightly, old.Add(time.Second), time.Time{})) // it may still run
	keep(startTask(t, l, nightly, old, old.Add(time.Minute)))         // the latest of its task
	if n, err := l.ForgetRuns(t.Context(), young); n != 4 || err != nil {
		t.Errorf("ForgetRuns = %d, %v, want 4", n, err)
	}
	slices.Reverse(kept)
	equal(t, "the runs that are kept", runIDs(t, l, ledger.RunQuery{}), kept)
	if n, err := l.ForgetRuns(t.Context(), young); n != 0 || err != nil {
		t.Errorf("ForgetRuns again = %d, %v, want 0", n, err)
	}
	if r := start(t, l, "archive", young, young); r.ID <= kept[0] {
		t.Errorf("run %d has an id that was given out before", r.ID)
	}
}

// Many runs go in several transactions.
func TestForgetManyRuns(t *testing.T) {
	l := open(t, newPath(t))
	if _, err := l.Writer().ExecContext(t.Context(), `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12345)
INSERT INTO runs (command, started, ended, outcome, summary) SELECT 'archive', i, i, 'ok', '{}' FROM n`); err != nil {
		t.Fatal(err)
	}
	if n, err := l.ForgetRuns(t.Context(), noon); n != 12344 || err != nil {
		t.Errorf("ForgetRuns = %d, %v, want all but the latest of 12345", n, err)
	}
	equal(t, "the runs that are kept", runIDs(t, l, ledger.RunQuery{}), []int64{12345})
}

func TestUnverified(t *testing.T) {
	l := open(t, newPath(t))
	check := func(n int64, oldest string) {
		t.Helper()
		got, d, err := l.Unverified(t.Context())
		if got != n || d.Job != oldest || err != nil {
			t.Errorf("Unverified = %d, %q, %v; want %d, %q", got, d.Job, err, n, oldest)
		}
	}
	check(0, "")
	var docs []ledger.Document
	for i, id := range []string{"2", "1", "verified", "erased"} {
		d := job("u", id, "a")
		d.Time, d.Verified = noon.Add(-time.Duration(i)*time.Hour), id == "verified"
		if id == "erased" {
			d.State = ledger.Erased
		}
		docs = append(docs, d)
	}
	commit(t, l, ledger.Batch{Documents: docs})
	check(2, "1")
	docs[1].Verified = true
	commit(t, l, ledger.Batch{Documents: docs[1:2]})
	check(1, "2")
	stored, err := l.ByJob(t.Context(), "u", "2")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.StartErasure(t.Context(), stored, ledger.AuditEntry{}); err != nil {
		t.Fatal(err)
	}
	check(0, "")
}

func TestCheckFence(t *testing.T) {
	l := open(t, newPath(t))
	had := acquire(t, l, "t", noon, time.Minute)
	check := func(what string, have ledger.Lease, lost bool) {
		t.Helper()
		if err := l.CheckFence(ledger.WithFence(t.Context(), have)); errors.Is(err, ledger.ErrFenced) != lost || (err != nil) != lost {
			t.Errorf("CheckFence with %s = %v", what, err)
		}
	}
	if err := l.CheckFence(t.Context()); err != nil {
		t.Errorf("CheckFence without a lease = %v", err)
	}
	check("a lease that is held", had, false)
	check("a lease that nobody ever had", ledger.Lease{Task: "u", Fence: 1}, true)
	other := open(t, newPath(t))
	if err := other.CheckFence(ledger.WithFence(t.Context(), had)); !errors.Is(err, ledger.ErrFenced) {
		t.Errorf("CheckFence with another ledger's lease = %v, want ErrFenced", err)
	}
	taken := acquire(t, l, "t", noon.Add(time.Hour), time.Minute)
	check("a lease that was lost", had, true)
	check("the lease that was taken over", taken, false)
	if err := l.ReleaseLease(t.Context(), taken); err != nil {
		t.Fatal(err)
	}
	check("a lease that was given back", taken, true)
}
