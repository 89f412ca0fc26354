package archive_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/source/filesource"
	"logstow/archive/store/dirstore"
	"logstow/layout/jobfile"
)

// killEnv makes the test binary a process that archives: what it is to do.
const killEnv = "LOGSTOW_KILL_CHILD"

const killBegun = "begun"

// killChild archives as it is told, and says on standard output when it begins
// and what it did.
func killChild(t *testing.T, work string) {
	var j killJob
	oracleMust(t, json.Unmarshal([]byte(work), &j))
	s, err := killOpen(t, j.Store)
	oracleMust(t, err)
	l, err := ledger.Open(t.Context(), ledger.Config{Path: j.Ledger})
	oracleMust(t, err)
	defer l.Close()
	budget := archive.NewBudget(archive.DefaultBudget)
	from, err := filesource.New(filesource.Config{Path: j.In, Budget: budget, SpoolSize: 64 << 10})
	oracleMust(t, err)
	reader, err := jobfile.NewReader(jobfile.Config{})
	oracleMust(t, err)
	fmt.Println(killBegun)
	sum, err := archive.Run(t.Context(), archive.Config{
		Store: s, Ledger: l, Inputs: []archive.Input{{Source: from, Reader: reader}},
		MaxFileSize: j.Limit, Concurrency: j.Concurrency,
	})
	oracleMust(t, err)
	oracleMust(t, json.NewEncoder(os.Stdout).Encode(sum))
}

// killWorld is files that are archived by other processes.
type killWorld struct {
	t       *testing.T
	rng     *rand.Rand
	place   killPlace
	job     killJob
	records *oracleRecords
	folder  *oracleFolder
	oracle  *oracle
	past    []*oracleContent
}

func newKillWorld(t *testing.T, place killPlace) *killWorld {
	t.Helper()
	const limit = 30_000
	w := &killWorld{t: t, rng: killSeed(t), place: place, oracle: newOracle(t, limit, true)}
	w.records = &oracleRecords{rng: w.rng, limit: limit, users: 5}
	w.folder = &oracleFolder{dir: t.TempDir(), files: map[string]*oracleFile{}}
	w.job = killJob{
		In: w.folder.dir, Ledger: filepath.Join(t.TempDir(), "ledger.db"), Store: place.url, Limit: limit,
		Concurrency: []int{1, 8, 32}[w.rng.IntN(3)],
	}
	return w
}

// write adds about n records to the files.
func (w *killWorld) write(n int) {
	w.t.Helper()
	for n > 0 {
		var all []*oracleDelivery
		for range 1 + w.rng.IntN(60) {
			all = append(all, w.delivery())
		}
		n -= len(all)
		w.folder.file([]string{"app.log", "jobs.ndjson", "more.json"}[w.rng.IntN(3)]).add(w.t, all...)
	}
}

func (w *killWorld) delivery() *oracleDelivery {
	var c *oracleContent
	n := w.rng.IntN(100)
	if n >= 10 && n < 30 && len(w.past) > 0 {
		c = w.past[w.rng.IntN(len(w.past))]
		if n < 20 && c.variant != nil {
			w.records.next++
			c = c.variant(w.records.next)
		}
	}
	switch {
	case c != nil:
	case n < 3:
		d := w.records.poison()
		w.oracle.delivered(d)
		return d
	case n < 36:
		c = w.records.event(false)
	case n < 42:
		c = w.records.job(oracleLarge)
	case n < 43:
		c = w.records.job(oracleFat)
	default:
		c = w.records.job(oracleSmall)
	}
	w.past = append(w.past, c)
	d := w.records.deliver(c)
	w.oracle.delivered(d)
	return d
}

// rotate gives some file another name, or copies and truncates it.
func (w *killWorld) rotate() {
	w.t.Helper()
	name := []string{"app.log", "jobs.ndjson", "more.json"}[w.rng.IntN(3)]
	if f := w.folder.files[name]; f == nil || f.gone() {
		return
	}
	to := w.folder.fresh([]string{"zzz.%d", "aaa.%d"}[w.rng.IntN(2)])
	switch w.rng.IntN(3) {
	case 0:
		w.folder.rename(w.t, name, to, w.rng.IntN(2) == 0)
	case 1:
		w.folder.copyAndTruncate(w.t, name, to)
	}
}

// killProcess is a process that archives.
type killProcess struct {
	cmd    *exec.Cmd
	out    *bufio.Reader
	stderr bytes.Buffer
	said   bool // that it begun
}

func (w *killWorld) start() *killProcess {
	w.t.Helper()
	exe, err := os.Executable()
	oracleMust(w.t, err)
	p := &killProcess{cmd: exec.Command(exe, "-test.run=^TestKilled$")}
	p.cmd.Env = append(os.Environ(), killEnv+"="+w.job.String())
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	oracleMust(w.t, err)
	p.out = bufio.NewReader(out)
	oracleMust(w.t, p.cmd.Start())
	w.t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill() // the test failed before its end
			_ = p.cmd.Wait()
		}
	})
	return p
}

// begun waits until the process begins to archive.
func (p *killProcess) begun(t *testing.T) {
	t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil || strings.TrimSpace(line) != killBegun {
		rest, _ := io.ReadAll(p.out)
		t.Fatalf("the process did not begin: %v\n%s%s%s", err, line, rest, p.stderr.Bytes())
	}
	p.said = true
}

// wait waits until the process has done all, and returns how many documents it
// says that it archived.
func (p *killProcess) wait(t *testing.T) int64 {
	t.Helper()
	if !p.said {
		p.begun(t)
	}
	out, readErr := io.ReadAll(p.out)
	if err := p.cmd.Wait(); err != nil || readErr != nil {
		t.Fatalf("the process failed: %v, %v\n%s%s", err, readErr, out, p.stderr.Bytes())
	}
	var s archive.Summary
	line, _, _ := bytes.Cut(out, []byte("\n"))
	if err := json.Unmarshal(line, &s); err != nil {
		t.Fatalf("the process said %q: %v", out, err)
	}
	return s.Archived + s.Events
}

// kill kills the process, if it still runs.
func (p *killProcess) kill(t *testing.T) {
	t.Helper()
	_ = p.cmd.Process.Kill() // it may have ended
	out, _ := io.ReadAll(p.out)
	if err := p.cmd.Wait(); err != nil && !strings.Contains(err.Error(), "signal: killed") {
		t.Fatalf("the process failed: %v\n%s%s", err, out, p.stderr.Bytes())
	}
}

// killed runs a process and kills it within the time that the last one took. It
// returns how long this one lived.
func (w *killWorld) killed(within time.Duration) time.Duration {
	w.t.Helper()
	p := w.start()
	p.begun(w.t)
	began := time.Now()
	wait := time.Duration(w.rng.Int64N(int64(within)*3/2 + 1))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = p.out.Peek(1) // what it did, or its end
	}()
	select {
	case <-ended:
	case <-time.After(wait):
	}
	lived := time.Since(began)
	_ = p.cmd.Process.Kill()
	<-ended
	p.kill(w.t)
	return max(lived, within/2)
}

// check holds store and ledger against the oracle, with no process running.
// whole tells that a run has just ended well.
func (w *killWorld) check(whole bool) *oracleState {
	w.t.Helper()
	l, err := ledger.Open(w.t.Context(), ledger.Config{Path: w.job.Ledger})
	oracleMust(w.t, err)
	defer l.Close()
	st, err := w.oracle.look(w.t.Context(), w.place.store, l)
	oracleMust(w.t, err)
	st.settledSafe()
	oracleMust(w.t, st.cursors(w.folder.dir, w.folder.files))
	if whole {
		var present []*oracleDelivery
		for _, f := range w.folder.files {
			for _, p := range f.records {
				present = append(present, p.oracleDelivery)
			}
		}
		st.whole(present)
	}
	if len(st.faults) > 0 {
		slices.Sort(st.faults)
		w.t.Fatalf("%d faults:\n%s", len(st.faults), strings.Join(st.faults[:min(20, len(st.faults))], "\n"))
	}
	return st
}

// settle lets a process finish what others began, and another one see that
// nothing is left.
func (w *killWorld) settle() {
	w.t.Helper()
	w.age()
	w.write(1) // whoever puts something removes what others left
	w.start().wait(w.t)
	st := w.check(true)
	if n := w.start().wait(w.t); n != 0 {
		w.t.Errorf("%d documents were archived when all were", n)
	}
	w.check(true)
	w.t.Logf("%d documents, %d quarantined, %d objects", len(st.rows), len(st.raw), len(st.objects))
	if w.place.dir == "" {
		return
	}
	for _, name := range w.temporary() {
		if name != "lock" {
			w.t.Errorf("a temporary file is left: %s", name)
		}
	}
}

// age makes the temporary files of killed processes so old that they are known
// to be abandoned.
func (w *killWorld) age() {
	w.t.Helper()
	if w.place.dir == "" {
		return
	}
	old := time.Now().Add(-2 * time.Hour)
	for _, name := range w.temporary() {
		oracleMust(w.t, os.Chtimes(filepath.Join(w.place.dir, dirstore.TempDir, name), old, old))
	}
}

func (w *killWorld) temporary() []string {
	w.t.Helper()
	entries, err := os.ReadDir(filepath.Join(w.place.dir, dirstore.TempDir))
	oracleMust(w.t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
