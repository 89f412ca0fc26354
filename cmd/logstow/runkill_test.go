package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"logstow/archive/ledger"
)

// killWorld is a configuration with jobs of this month and the last, and what it
// works with.
type killWorld struct {
	dir    string
	random *rand.Rand
}

const killJobs = 300 // of each month

func newKillWorld(t *testing.T) *killWorld {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := &killWorld{dir: t.TempDir(), random: rand.New(rand.NewPCG(seed, 0))}
	now := time.Now().UTC()
	var jobs strings.Builder
	for i := range killJobs {
		for name, at := range map[string]time.Time{"this": now, "last": now.AddDate(0, 0, -now.Day())} {
			fmt.Fprintf(&jobs, `{"id":"%s%d","account_id":1,"recipe_id":5,"status":"failed","completed_at":%q,"lines":[{"x":%q}]}`+"\n",
				name, i, at.Format(time.RFC3339), strings.Repeat("x", 2000))
		}
	}
	for name, text := range map[string]string{
		"jobs.ndjson": jobs.String(),
		"config.yaml": strings.ReplaceAll(`
store: file://DIR/store
ledger: DIR/ledger.db
archive:
  sources: [{path: DIR/jobs.ndjson}]
schedules:
  - {name: archive, task: archive}
  - {name: report, task: export, export: {period: month, format: ndjson, folder: DIR/out}}
`, "DIR", w.dir),
	} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(w.dir, "out"), 0o700); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *killWorld) command(args ...string) *exec.Cmd {
	return exec.Command("hasty", append(args, "--config", filepath.Join(w.dir, "config.yaml"))...)
}

// kill starts a run of a task and kills it some time after a new file matches a
// glob.
func (w *killWorld) kill(t *testing.T, task, glob string) {
	t.Helper()
	before := w.matches(t, glob)
	var said bytes.Buffer
	cmd := w.command("run", task)
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait() //nolint:errcheck // ProcessState tells
	}()
	for !slices.ContainsFunc(w.matches(t, glob), func(name string) bool { return !slices.Contains(before, name) }) {
		select {
		case <-ended:
			t.Fatalf("run %s: %s before it was killed\n%s", task, cmd.ProcessState, said.String())
		case <-time.After(time.Millisecond):
		}
	}
	time.Sleep(time.Duration(w.random.Int64N(int64(20 * time.Millisecond))))
	cmd.Process.Kill() //nolint:errcheck // it may have been faster
	<-ended
	t.Logf("run %s: %s", task, cmd.ProcessState)
}

func (w *killWorld) matches(t *testing.T, glob string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(w.dir, glob))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// lapse waits until nobody has the lease of a task.
func (w *killWorld) lapse(t *testing.T, task string) {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{Path: filepath.Join(w.dir, "ledger.db"), ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for {
		lease, err := l.Lease(t.Context(), task)
		if err != nil {
			t.Fatal(err)
		}
		if !lease.HeldAt(time.Now()) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// finish runs a task until it is not held by who died running it.
func (w *killWorld) finish(t *testing.T, task string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		out, err := w.command("run", task).CombinedOutput()
		if err == nil {
			return
		}
		if statusIn(err) != int(exitUnavailable) || !strings.Contains(string(out), "is run by") {
			t.Fatalf("run %s: %v\n%s", task, err, out)
		}
	}
	t.Fatalf("task %s is still held", task)
}

// What a killed run has begun is finished by the next: nothing is lost, nothing
// comes twice.
func TestArchiveThatIsKilled(t *testing.T) {
	t.Parallel()
	w := newKillWorld(t)
	for range 2 {
		w.kill(t, "archive", "store/1/jobs/5/*/*/*.json")
		w.lapse(t, "archive")
	}
	w.finish(t, "archive")
	out, err := w.command("ls", "--json", "--limit", "0").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range bytes.Lines(out) {
		var d struct {
			Job      string `json:"job_id"`
			Revision bool   `json:"revision"`
		}
		if err := json.Unmarshal(line, &d); err != nil {
			t.Fatal(err)
		}
		if seen[d.Job] || d.Revision {
			t.Errorf("job %s is there twice", d.Job)
		}
		seen[d.Job] = true
	}
	if len(seen) != 2*killJobs {
		t.Errorf("%d jobs are listed, want %d", len(seen), 2*killJobs)
	}
}

// A file of a standing export is whole or not there, and nothing else is left.
func TestExportThatIsKilled(t *testing.T) {
	t.Parallel()
	w := newKillWorld(t)
	w.finish(t, "archive")
	w.kill(t, "report", "out/.report-*.part")
	w.whole(t)
	w.lapse(t, "report")
	w.finish(t, "report")
	if n := w.whole(t); n == 0 {
		t.Error("there is no file")
	}
	if left := w.matches(t, "out/.*"); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// whole returns how many files there are, each of which must have every job.
func (w *killWorld) whole(t *testing.T) int {
	t.Helper()
	files := w.matches(t, "out/report-*.ndjson")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(text, []byte("\n")); n != killJobs {
			t.Errorf("%s has %d lines, want %d", file, n, killJobs)
		}
	}
	return len(files)
}
