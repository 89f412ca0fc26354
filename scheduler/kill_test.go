//go:build unix

package scheduler_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/scheduler"
)

// childVariable names the ledger that the test binary runs tasks on when it is
// started with it set.
const childVariable = "LOGSTOW_SCHEDULER_CHILD"

// killLease is short, and yet long enough for a slow machine.
const killLease = time.Second

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		runForEver(path)
	}
	verify(m)
}

// runForEver runs tasks, each of which commits something while it runs: the
// fence under which it did, in the order of recording. They don't care that
// their contexts end: nothing but the fence holds them back.
func runForEver(path string) {
	ctx := context.Background()
	l, err := ledger.Open(ctx, ledger.Config{Path: path})
	if err != nil {
		panic(err)
	}
	var tasks []scheduler.Task
	for _, name := range []string{"a", "b"} {
		tasks = append(tasks, scheduler.Task{
			Name: name, Spec: "@every 1s", Missed: scheduler.MissedAll, MissedLimit: 1000,
			Do: func(ctx context.Context, r ledger.Run) (string, error) {
				for n := range 3 {
					time.Sleep(150 * time.Millisecond)
					key := fmt.Sprintf("%s %d %d %d", name, r.Fence, r.Planned.Unix(), n)
					if err := l.Commit(context.WithoutCancel(ctx), ledger.Batch{Quarantined: []ledger.Quarantined{{Source: name, Part: "p", Key: key, At: time.Now()}}}); err != nil {
						return "", err
					}
				}
				return "", nil
			},
		})
	}
	s, err := scheduler.New(scheduler.Config{Ledger: l, Tasks: tasks, Lease: killLease})
	if err != nil {
		panic(err)
	}
	panic(s.Run(ctx))
}

func startChild(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+path)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func end(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Errorf("kill: %v", err)
	}
	_ = cmd.Wait() // it was killed
}

// TestKilledAndPausedProcesses has two processes run the same tasks on one
// ledger, and kills or pauses one of them past its lease at random.
func TestKilledAndPausedProcesses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := openLedger(t, path, nil)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	children := [2]*exec.Cmd{startChild(t, path), startChild(t, path)}
	waitForRuns(t, l, 2)
	for round := range 4 {
		victim := rng.IntN(2)
		if round%2 == 0 {
			time.Sleep(time.Duration(rng.IntN(1000)) * time.Millisecond)
			end(t, children[victim])
			waitForRuns(t, l, 2)
			children[victim] = startChild(t, path)
			continue
		}
		pause(t, l, children)
	}
	waitForRuns(t, l, 2)
	for _, child := range children {
		end(t, child)
	}
	checkEverySecond(t, l, "a", "b")
	checkFences(t, l)
}

// pause stops whichever process is running a task, past its lease, and lets it
// go on.
func pause(t *testing.T, l *ledger.Ledger, children [2]*exec.Cmd) {
	t.Helper()
	for {
		lease, err := l.Lease(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		for _, child := range children {
			if lease.Until.IsZero() || !strings.Contains(lease.Holder, fmt.Sprintf(":%d:", child.Process.Pid)) {
				continue
			}
			signal(t, child, syscall.SIGSTOP)
			// Long enough to be taken over, unless it was stopped while it wrote:
			// then nobody writes until it goes on.
			time.Sleep(4 * killLease)
			signal(t, child, syscall.SIGCONT)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func signal(t *testing.T, child *exec.Cmd, s syscall.Signal) {
	t.Helper()
	if err := child.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// waitForRuns waits until n more runs are recorded as done of each task.
func waitForRuns(t *testing.T, l *ledger.Ledger, n int) {
	t.Helper()
	done := func(task string) (all int) {
		runs, err := l.Runs(t.Context(), ledger.RunQuery{Task: task})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range runs {
			if r.Outcome == "ok" {
				all++
			}
		}
		return all
	}
	for _, task := range []string{"a", "b"} {
		for until := done(task) + n; done(task) < until; {
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// checkFences wants nothing to be committed under a lease once something was
// under a later one.
func checkFences(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	last, commits := map[string]int64{}, 0
	for q, err := range l.Quarantine(t.Context(), ledger.QuarantineQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		fence, err := strconv.ParseInt(strings.Fields(q.Key)[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if fence < last[q.Source] {
			t.Errorf("task %s committed under lease %d after lease %d", q.Source, fence, last[q.Source])
		}
		last[q.Source] = max(last[q.Source], fence)
		commits++
	}
	if commits < 20 {
		t.Errorf("%d commits: too few for this to say anything", commits)
	}
}
