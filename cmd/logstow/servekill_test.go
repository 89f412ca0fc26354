package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store/storetest/gateway"
)

// allAtOnce are schedules that are due all the time.
const allAtOnce = `  - {name: archive, task: archive, cron: "@every 1s", missed: all, retries: 1000, backoff: 10ms}
  - {name: report, task: export, cron: "@every 2s", missed: all, retries: 1000, backoff: 10ms, export: {period: hour, format: ndjson, folder: %[1]s/out}}
  - {name: sweep, task: sweep, cron: "@every 1s", retries: 1000, backoff: 10ms}
  - {name: check, task: check, cron: "@every 2s", retries: 1000, backoff: 10ms, check: {deep: true}}
`

// killTime is how long processes are killed and paused: TEST_KILL_TIME, or a
// short while.
func killTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("TEST_KILL_TIME")
	if text == "" {
		return 3 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Two servers and single runs share one ledger and one store while any of them
// is killed, or paused until others have taken over what it had.
func TestServersThatAreKilledAndPaused(t *testing.T) {
	t.Parallel()
	g := gateway.Start(t, gateway.Options{})
	// Parallel subtests end after this function has, and the server with it.
	t.Run("stores", func(t *testing.T) {
		for name, store := range map[string]string{"directory": "", "S3": g.URL("killed")} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				newAssault(t, store, g.Env()).survives(killTime(t))
			})
		}
	})
}

// assault is a world whose processes are killed and paused.
type assault struct {
	*serveWorld
	random *rand.Rand
	env    []string
	seen   map[string]string // of each job that was added, the SHA-256 of its record

	mu      sync.Mutex // guards what follows
	current *exec.Cmd  // the single run
	hurt    bool       // somebody has killed or paused it
}

// newAssault makes a world on a store; empty: on a directory.
func newAssault(t *testing.T, store string, env []string) *assault {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := newServeWorld(t, "")
	if store == "" {
		store = "file://" + w.dir + "/store"
	}
	for _, name := range []string{"out", "tmp"} {
		if err := os.Mkdir(filepath.Join(w.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.write(w.config, fmt.Sprintf("store: '%[2]s'\nledger: %[1]s/ledger.db\nlog: {level: info}\narchive: {sources: [%[1]s/in.ndjson]}\nschedules:\n"+allAtOnce, w.dir, store))
	return &assault{serveWorld: w, random: rand.New(rand.NewPCG(seed, 0)), env: append(env, "TMPDIR="+w.dir+"/tmp"), seen: map[string]string{}}
}

// command is a command of this world.
func (a *assault) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, append(args, "--config", a.config)...)
	cmd.Env = append(os.Environ(), a.env...)
	return cmd
}

// survives requires that nothing is lost and nothing done twice.
func (a *assault) survives(during time.Duration) {
	a.append()
	servers := []*serveProcess{a.start(a.env...), a.start(a.env...)}
	over := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { a.appendUntil(over, during/200) })
	wg.Go(func() { a.runUntil(over) })
	began := time.Now()
	for round := 0; round < 2 || time.Since(began) < during; round++ {
		time.Sleep(time.Duration(a.random.Int64N(int64(time.Second))))
		victim := a.random.IntN(2)
		a.untilItWorks(servers[victim].Process.Pid)
		switch (round + a.random.IntN(round/2+1)) % 3 { // one of each at first
		case 0:
			servers[victim].end(syscall.SIGKILL)
			servers[victim] = a.start(a.env...)
		case 1:
			a.pause(servers[victim].Process)
		case 2:
			a.hurtRun()
		}
	}
	close(over)
	wg.Wait()
	a.settle()
	for _, p := range servers {
		if got := p.end(syscall.SIGTERM); got != 0 {
			a.t.Errorf("a server ended with %d: %s", got, p.stderr.String())
		}
	}
	a.finish("archive")
	a.finish("report")
	for _, task := range []string{"archive", "report", "sweep", "check"} {
		a.nothingTwice(task)
	}
	for task, step := range map[string]time.Duration{"archive": time.Second, "report": 2 * time.Second} {
		a.everyTime(task, step)
	}
	a.everythingSafe()
	a.nothingLeft()
}

// untilItWorks waits until a process runs a task, but not for long.
func (a *assault) untilItWorks(pid int) {
	for began := time.Now(); time.Since(began) < 2*time.Second; time.Sleep(time.Millisecond) {
		leases, err := a.ledger().Leases(a.t.Context())
		if err != nil {
			a.t.Fatal(err)
		}
		for _, l := range leases {
			if !l.Until.IsZero() && strings.Contains(l.Holder, fmt.Sprintf(":%d:", pid)) {
				time.Sleep(time.Duration(a.random.Int64N(int64(30 * time.Millisecond))))
				return
			}
		}
	}
}

// pause stops a process for longer than its leases last.
func (a *assault) pause(p *os.Process) {
	p.Signal(syscall.SIGSTOP) //nolint:errcheck // it may have ended
	time.Sleep(5*time.Second + time.Duration(a.random.Int64N(int64(time.Second))))
	p.Signal(syscall.SIGCONT) //nolint:errcheck // it may have ended
}

// hurtRun kills or pauses the single run.
func (a *assault) hurtRun() {
	a.mu.Lock()
	p := a.current
	a.hurt = a.hurt || p != nil
	a.mu.Unlock()
	switch {
	case p == nil:
	case a.random.IntN(2) == 0:
		p.Process.Kill() //nolint:errcheck // it may have ended
	default:
		a.pause(p.Process)
	}
}

// append appends a record, which is in the period that is exported next.
func (a *assault) append() {
	n := len(a.seen)
	job := fmt.Sprintf("job%d", n)
	record := fmt.Sprintf(`{"id": %q, "recipe_id": %d, "account_id": %d, "status": "failed", "completed_at": %q, "lines": [{"x": %q}]}`,
		job, 7+n%3, 1+n%2, time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), strings.Repeat("x", n%5000))
	f, err := os.OpenFile(a.input, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		a.t.Error(err)
		return
	}
	defer f.Close()
	half := len(record) / 2
	for _, part := range []string{record[:half], record[half:] + "\n"} { // as programs write
		if _, err := f.WriteString(part); err != nil {
			a.t.Error(err)
		}
	}
	a.seen[job] = fmt.Sprintf("%x", sha256.Sum256([]byte(record)))
}

func (a *assault) appendUntil(over <-chan struct{}, pause time.Duration) {
	for {
		select {
		case <-over:
			return
		case <-time.After(pause):
			a.append()
		}
	}
}

// runUntil runs single tasks. One that nobody hurts is done, or excused.
func (a *assault) runUntil(over <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-over:
			return
		default:
		}
		task := []string{"archive", "report", "sweep", "check"}[n%4]
		var said bytes.Buffer
		cmd := a.command("hasty", "run", task)
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			a.t.Error(err)
			return
		}
		a.mu.Lock()
		a.current, a.hurt = cmd, false
		a.mu.Unlock()
		err := cmd.Wait()
		a.mu.Lock()
		a.current = nil
		if got := statusIn(err); !a.hurt && got != 0 && !excused(got, said.String()) {
			a.t.Errorf("run %s: status %d: %s", task, got, said.String())
		}
		a.mu.Unlock()
	}
}

// excused tells whether a run may end like this when others are paused: they may
// have the lease, or be writing the ledger.
func excused(status int, said string) bool {
	switch exitStatus(status) {
	case exitUnavailable:
		return strings.Contains(said, "is run by") || strings.Contains(said, "in use by another process")
	case exitFailed:
		return strings.Contains(said, "the lease was lost")
	default:
		return false
	}
}

// settle waits until every task has been run by schedule since now.
func (a *assault) settle() {
	now := time.Now()
	for _, task := range []string{"archive", "report", "sweep", "check"} {
		until(a.t, task+" is run by schedule again", func() bool {
			for _, r := range a.runs(ledger.RunQuery{Task: task, Limit: 10}) {
				if r.Planned.After(now) {
					return true
				}
			}
			return false
		})
	}
}

// finish runs a task when nobody else does.
func (a *assault) finish(task string) {
	a.t.Helper()
	if out, err := a.command("hasty", "run", task).CombinedOutput(); err != nil {
		a.t.Errorf("run %s: %v: %s", task, err, out)
	}
}

// nothingTwice requires that no two runs of a task were at once: one that was
// still running when the next began has recorded nothing.
func (a *assault) nothingTwice(task string) {
	all := a.runs(ledger.RunQuery{Task: task})
	died, err := a.ledger().Runs(a.t.Context(), ledger.RunQuery{Task: task})
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Logf("%s: %d runs, of which %d died", task, len(died), len(died)-len(all))
	for _, r := range all {
		if r.Outcome != "ok" && r.Outcome != "interrupted" {
			a.t.Errorf("run %d of %s: %s: %s", r.ID, task, r.Outcome, r.Error)
		}
	}
	for i := range all[1:] {
		if earlier, later := all[i+1], all[i]; later.Started.Before(earlier.Ended) || later.Fence < earlier.Fence {
			a.t.Errorf("task %s: run %d (lease %d) began at %s, run %d (lease %d) had ended at %s", task,
				later.ID, later.Fence, later.Started, earlier.ID, earlier.Fence, earlier.Ended)
		}
	}
}

// everyTime requires that what was planned was done, all of it once.
func (a *assault) everyTime(task string, step time.Duration) {
	var last time.Time // the one that is planned after
	for _, r := range a.runs(ledger.RunQuery{Task: task}) {
		if r.Planned.IsZero() || r.Outcome != "ok" {
			continue
		}
		if !last.IsZero() && !r.Planned.Equal(last.Add(-step)) {
			a.t.Errorf("task %s: what was planned for %s was done right before that for %s", task, r.Planned, last)
		}
		last = r.Planned
	}
}

// everythingSafe requires that each record is in the store, once and as it was.
func (a *assault) everythingSafe() {
	for d, err := range a.ledger().Documents(a.t.Context(), ledger.Query{}) {
		if err != nil {
			a.t.Fatal(err)
		}
		sum, ok := a.seen[d.Job]
		if !ok || d.SHA256.String() != sum {
			a.t.Errorf("%s: job %q is there twice or is not what was added", d.Key, d.Job)
		}
		delete(a.seen, d.Job)
	}
	if len(a.seen) > 0 {
		a.t.Errorf("%d records are lost: %v", len(a.seen), a.seen)
	}
	out, err := a.command("logstow", "check", "--deep", "--json").Output()
	var found map[string]any
	if jsonErr := json.Unmarshal(out, &found); err != nil || jsonErr != nil {
		a.t.Errorf("check: %v, %v: %s", err, jsonErr, out)
	}
	a.t.Logf("check: %s", out)
}

// nothingLeft requires that no files are left but those that are wanted.
func (a *assault) nothingLeft() {
	for _, glob := range []string{"out/.*", "tmp/*"} {
		left, err := filepath.Glob(filepath.Join(a.dir, glob))
		if err != nil || len(left) > 0 {
			a.t.Errorf("%v, %v is left", left, err)
		}
	}
}
