package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"logstow/archive/ledger"
)

// serveWorld is a store, a ledger, a source, and servers on them.
type serveWorld struct {
	t      *testing.T
	dir    string
	config string
	input  string
	opened *ledger.Ledger
}

// newServeWorld makes a world with these schedules and one source, which isn't
// there yet.
func newServeWorld(t *testing.T, schedules string) *serveWorld {
	t.Helper()
	dir := t.TempDir()
	w := &serveWorld{t: t, dir: dir, config: filepath.Join(dir, "config.yaml"), input: filepath.Join(dir, "in.ndjson")}
	text := fmt.Sprintf("store: file://%[1]s/store\nledger: %[1]s/ledger.db\nlog: {level: info}\narchive: {sources: [%[2]s]}\nschedules:\n%[3]s", dir, w.input, schedules)
	w.write(w.config, text)
	if err := os.Mkdir(filepath.Join(dir, "store"), 0o700); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *serveWorld) write(path, text string) {
	w.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// add appends a record of a job to the source.
func (w *serveWorld) add(job string) {
	w.t.Helper()
	f, err := os.OpenFile(w.input, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintf(f, `{"id": %q, "recipe_id": 7, "account_id": 1, "status": "failed", "completed_at": "2026-11-01T10:00:00Z", "lines": []}`+"\n", job)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// pipe makes the source one that never ends.
func (w *serveWorld) pipe() {
	w.t.Helper()
	if err := syscall.Mkfifo(w.input, 0o600); err != nil {
		w.t.Fatal(err)
	}
	f, err := os.OpenFile(w.input, os.O_RDWR, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { f.Close() })
}

// serveProcess is a process of the real binary.
type serveProcess struct {
	*exec.Cmd
	t      *testing.T
	stderr lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start starts a server without a port that is in a hurry, and waits until it
// works.
func (w *serveWorld) start(env ...string) *serveProcess {
	w.t.Helper()
	return w.startAs("hasty", env...)
}

func (w *serveWorld) startAs(command string, env ...string) *serveProcess {
	w.t.Helper()
	p := &serveProcess{Cmd: exec.Command(command, "serve", "--config", w.config, "--parts", "scheduler,workers"), t: w.t}
	p.Env = append(os.Environ(), env...)
	p.Stderr = &p.stderr
	if err := p.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if p.ProcessState == nil {
			p.Process.Kill() //nolint:errcheck // it has ended since
			p.Wait()         //nolint:errcheck // killed
		}
	})
	until(w.t, "a server works", func() bool { return strings.Contains(p.stderr.String(), noPort) })
	return p
}

// end sends a signal and returns the exit status; -1 where the signal killed it.
func (p *serveProcess) end(s syscall.Signal) int {
	p.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		p.t.Fatalf("%v: %s", err, p.stderr.String())
	}
	return statusIn(p.Wait())
}

// until waits for something that takes a while.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for began := time.Now(); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > 2*time.Minute {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// runs is the runs of a task or a command that have ended, latest first.
func (w *serveWorld) runs(q ledger.RunQuery) []ledger.Run {
	w.t.Helper()
	all, err := w.ledger().Runs(w.t.Context(), q)
	if err != nil {
		w.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(r ledger.Run) bool { return r.Ended.IsZero() })
}

// has tells whether a job is archived.
func (w *serveWorld) has(job string) bool {
	w.t.Helper()
	docs, err := w.ledger().ByJob(w.t.Context(), "1", job)
	if err != nil {
		w.t.Fatal(err)
	}
	return len(docs) > 0
}

// ledger is the ledger, which a server has made.
func (w *serveWorld) ledger() *ledger.Ledger {
	w.t.Helper()
	if w.opened == nil {
		l, err := ledger.Open(w.t.Context(), ledger.Config{Path: filepath.Join(w.dir, "ledger.db"), ReadOnly: true})
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() { l.Close() })
		w.opened = l
	}
	return w.opened
}
