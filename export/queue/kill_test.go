package queue_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store/dirstore"
	"logstow/export"
	"logstow/export/queue"
)

// killEnv makes the test binary a process that works through exports.
const killEnv = "LOGSTOW_KILL_QUEUE"

// killLease is short, so that the next process goes on soon.
const killLease = 500 * time.Millisecond

// killWork is what such a process is told to do.
type killWork struct{ Ledger, Store, Temp string }

// killChild works through exports until it is killed, and says on standard
// output when it begins and when it writes.
func killChild(t *testing.T, text string) {
	var work killWork
	must(t, json.Unmarshal([]byte(text), &work))
	s, err := dirstore.Open(work.Store)
	must(t, err)
	l, err := ledger.Open(t.Context(), ledger.Config{Path: work.Ledger})
	must(t, err)
	defer l.Close()
	q, err := queue.New(queue.Config{
		Exporter: saying(copyJobs(s)), Store: s, Ledger: l, TempDir: work.Temp,
		Poll: 20 * time.Millisecond, Lease: killLease, Attempts: 1 << 40,
	})
	must(t, err)
	fmt.Println("begun")
	must(t, q.Run(t.Context()))
}

// saying says on standard output that something is written.
func saying(f write) write {
	return func(ctx context.Context, w io.Writer, r export.Request, progress func(export.Progress)) (export.Progress, error) {
		return f(ctx, w, r, func(p export.Progress) {
			fmt.Println("writing")
			progress(p)
		})
	}
}

// TestKilled makes exports in processes that are killed at random moments, and
// looks after each kill whether any export is said to be ready that isn't. In
// the end another process finishes them all. It prints its seed; LOGSTOW_SEED
// chooses it.
func TestKilled(t *testing.T) {
	if work := os.Getenv(killEnv); work != "" {
		killChild(t, work)
		return
	}
	rng := seeded(t)
	dir := t.TempDir()
	s, err := dirstore.Open(dir)
	must(t, err)
	w := newWorld(t, s)
	rounds := 20
	if testing.Short() {
		rounds = 5
	}
	var ids []string
	interrupted := 0
	for range rounds {
		for range 1 + rng.IntN(2) {
			ids = append(ids, w.create(1+rng.IntN(8_000_000)))
		}
		w.killed(dir, rng)
		if err := w.lie(t.Context()); err != nil {
			t.Fatal(err)
		}
		running, err := w.l.Exports(t.Context(), ledger.ExportQuery{States: []ledger.ExportState{ledger.ExportRunning}})
		must(t, err)
		interrupted += len(running)
		w.removeEmpty()
	}
	early, err := w.l.Exports(t.Context(), ledger.ExportQuery{States: []ledger.ExportState{ledger.ExportReady}})
	must(t, err)
	t.Logf("%d of %d exports were ready before the end; %d times one was found running after a kill", len(early), len(ids), interrupted)
	if interrupted == 0 {
		t.Error("no process was killed while it made an export")
	}
	c := w.config()
	c.Now = func() time.Time { return time.Now().Add(time.Minute) } // claims of the dead have run out
	q := w.queue(c)
	for _, id := range ids {
		_, err := q.Work(t.Context(), id, nil)
		must(t, err)
	}
	w.wantReady(ids...)
	_, err = q.Sweep(t.Context(), later().Add(24*time.Hour))
	must(t, err)
	w.wantKeys()
}

// removeEmpty removes empty temporary files: of processes that were killed
// between making a file and taking its name away.
func (w *world) removeEmpty() {
	w.t.Helper()
	left, err := os.ReadDir(w.tmp)
	must(w.t, err)
	for _, f := range left {
		info, err := f.Info()
		must(w.t, err)
		if info.Size() > 0 {
			w.t.Errorf("a temporary file of %d bytes is left: %s", info.Size(), f.Name())
		}
		must(w.t, os.Remove(filepath.Join(w.tmp, f.Name())))
	}
}

// seeded is the randomness of a test, whose seed is printed.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("LOGSTOW_SEED"); text != "" {
		must(t, json.Unmarshal([]byte(text), &seed))
	}
	t.Logf("LOGSTOW_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// killed runs a process and kills it at some moment, mostly while it writes.
func (w *world) killed(dir string, rng *rand.Rand) {
	w.t.Helper()
	exe, err := os.Executable()
	must(w.t, err)
	work, err := json.Marshal(killWork{Ledger: w.path, Store: dir, Temp: w.tmp})
	must(w.t, err)
	cmd := exec.Command(exe, "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), killEnv+"="+string(work))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	must(w.t, err)
	must(w.t, cmd.Start())
	lines, said := bufio.NewReader(out), ""
	for until := []string{"begun\n", "writing\n"}[min(1, rng.IntN(3))]; said != until; {
		if said, err = lines.ReadString('\n'); err != nil {
			break
		}
	}
	time.Sleep(time.Duration(rng.Int64N(int64(40 * time.Millisecond))))
	_ = cmd.Process.Kill() // it may have ended
	rest, _ := io.ReadAll(lines)
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "signal: killed") {
		w.t.Fatalf("the process ended by itself: %v\n%s%s%s", err, said, rest, stderr.Bytes())
	}
}
