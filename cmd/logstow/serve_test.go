package main

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"logstow/archive/ledger"
)

const everySecond = `  - {name: archive, task: archive, cron: "@every 1s", retries: 1000, backoff: 10ms}
  - {name: sweep, task: sweep, cron: "@every 1s"}
`

// Two servers on one ledger share the schedules. When one of them is killed the
// other takes over what it had.
func TestServersShareSchedules(t *testing.T) {
	t.Parallel()
	w := newServeWorld(t, everySecond)
	w.add("first")
	one, other := w.start(), w.start()
	until(t, "both have run for a while", func() bool { return len(w.runs(ledger.RunQuery{Task: "archive"})) >= 3 && w.has("first") })
	if got := one.end(syscall.SIGKILL); got != -1 {
		t.Errorf("a killed server ended with %d", got)
	}
	last := w.runs(ledger.RunQuery{Task: "archive", Limit: 1})
	w.add("second")
	until(t, "the other has taken over", func() bool {
		all := w.runs(ledger.RunQuery{Task: "archive", Limit: 1})
		return len(all) > 0 && all[0].Planned.After(last[0].Planned) && w.has("second")
	})
	if got := other.end(syscall.SIGTERM); got != 0 {
		t.Errorf("the other ended with %d: %s", got, other.stderr.String())
	}
	for _, task := range []string{"archive", "sweep"} {
		eachOnce(t, w.runs(ledger.RunQuery{Task: task}))
	}
	if all := w.runs(ledger.RunQuery{Command: "serve"}); len(all) != 1 || all[0].Outcome != "ok" {
		t.Errorf("runs of serve that have ended: %+v, want the one of the other", all)
	}
	if !strings.Contains(other.stderr.String(), "logstow: served for ") {
		t.Errorf("the other did not say what it did: %s", other.stderr.String())
	}
}

// eachOnce requires that no planned time was run twice, and nothing at the same
// time.
func eachOnce(t *testing.T, runs []ledger.Run) {
	t.Helper()
	done := map[time.Time]bool{}
	var before ledger.Run
	slices.Reverse(runs) // now the earliest first
	for _, r := range runs {
		if r.Outcome == "ok" && done[r.Planned] {
			t.Errorf("task %s: what was planned for %s was run twice", r.Task, r.Planned)
		}
		done[r.Planned] = done[r.Planned] || r.Outcome == "ok"
		if r.Started.Before(before.Ended) {
			t.Errorf("task %s: run %d began at %s, before run %d had ended at %s", r.Task, r.ID, r.Started, before.ID, before.Ended)
		}
		before = r
	}
	if len(runs) == 0 {
		t.Error("there are no runs")
	}
}

// A run that hangs is cut when the server is told to stop, and that is on
// record.
func TestServeCutsWhatHangs(t *testing.T) {
	t.Parallel()
	w := newServeWorld(t, `  - {name: archive, task: archive, cron: "@every 1s"}`+"\n")
	w.pipe()
	p := w.start()
	until(t, "a run has begun", func() bool {
		all, err := w.ledger().Runs(t.Context(), ledger.RunQuery{Task: "archive"})
		return err == nil && len(all) > 0
	})
	if got := p.end(syscall.SIGTERM); got != 0 {
		t.Errorf("status %d: %s", got, p.stderr.String())
	}
	if all := w.runs(ledger.RunQuery{Task: "archive"}); len(all) != 1 || all[0].Outcome != "interrupted" {
		t.Errorf("the runs are %+v, want an interrupted one", all)
	}
	if said := p.stderr.String(); !strings.Contains(said, "1 run, 1 interrupted") {
		t.Errorf("it said %s", said)
	}
	lease, err := w.ledger().Lease(t.Context(), "archive")
	if err != nil || !lease.Until.IsZero() {
		t.Errorf("the lease is %+v (%v), want it given back", lease, err)
	}
}

// A server whose ledger is taken away ends, and says why: it would record what
// nobody finds again.
func TestServeEndsWithItsLedger(t *testing.T) {
	t.Parallel()
	w := newServeWorld(t, everySecond)
	w.add("first")
	p := w.start()
	until(t, "a run has ended", func() bool { return len(w.runs(ledger.RunQuery{Task: "archive"})) > 0 })
	if err := os.Rename(filepath.Join(w.dir, "ledger.db"), filepath.Join(w.dir, "elsewhere.db")); err != nil {
		t.Fatal(err)
	}
	if got := statusIn(p.Wait()); got != 1 || !strings.Contains(p.stderr.String(), "logstow: ledger "+filepath.Join(w.dir, "ledger.db")+": ") ||
		!strings.Contains(p.stderr.String(), "its file was removed or replaced") {
		t.Errorf("status %d: %s", got, p.stderr.String())
	}
}

// What the service manager is told, from the beginning to the end.
func TestServeTellsTheServiceManager(t *testing.T) {
	manager := serviceManager(t, abstract(t))
	w := newServeWorld(t, `  - {name: archive, task: archive, cron: "@every 1s"}`+"\n")
	w.add("first")
	p := w.start("WATCHDOG_USEC=100000")
	for _, want := range []string{
		"READY=1", "WATCHDOG=1", "making exports", "archive at ", "everything that was looked at is safe",
	} {
		toldThat(t, manager, want)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	toldThat(t, manager, "STOPPING=1")
	toldThat(t, manager, "STATUS=stopping")
	if got := statusIn(p.Wait()); got != 0 {
		t.Errorf("status %d: %s", got, p.stderr.String())
	}
}

// toldThat waits for a message with some text.
func toldThat(t *testing.T, manager *net.UnixConn, want string) {
	t.Helper()
	if err := manager.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	message := make([]byte, 4096)
	var before []string
	for {
		n, err := manager.Read(message)
		if err != nil {
			t.Fatalf("never told %q: %v; told %q", want, err, before)
		}
		if strings.Contains(string(message[:n]), want) {
			return
		}
		before = append(before, string(message[:n]))
	}
}

// A second signal kills, however long a task may take to finish.
func TestServeSecondSignalKills(t *testing.T) {
	manager := serviceManager(t, abstract(t))
	w := newServeWorld(t, `  - {name: archive, task: archive, cron: "@every 1s"}`+"\n")
	w.pipe()
	p := w.startAs("logstow")
	until(t, "a run has begun", func() bool {
		all, err := w.ledger().Runs(t.Context(), ledger.RunQuery{Task: "archive"})
		return err == nil && len(all) > 0
	})
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	toldThat(t, manager, "STOPPING=1")
	ended := make(chan error, 1)
	go func() { ended <- p.Wait() }()
	for {
		select {
		case err := <-ended:
			if got := statusIn(err); got != -1 {
				t.Errorf("it ended with %d, want it killed: %s", got, p.stderr.String())
			}
			return
		case <-time.After(50 * time.Millisecond):
			p.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
		}
	}
}
