package archive_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/layout/jobfile"
)

// A named pipe is not read, as what is read from it is gone.
func TestPendingLeavesPipesAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	if _, err := pipe.WriteString("{}"); err != nil {
		t.Fatal(err)
	}
	c := archive.Config{Ledger: newLedger(t), Inputs: []archive.Input{input(t, path, jobfile.Config{})}}
	got, err := archive.Pending(t.Context(), c, archive.PendingLimit{})
	if err != nil || len(got) != 0 {
		t.Errorf("Pending(pipe) = %+v, %v", got, err)
	}
	left := make([]byte, 3)
	if n, err := pipe.Read(left); n != 2 || err != nil {
		t.Errorf("%q is left in the pipe, %v; want what was written", left[:n], err)
	}
}

// blocking is a store in which each document waits before it is put.
type blocking struct {
	store.Store
	arrived chan string
	proceed chan struct{}
}

func (b *blocking) Put(ctx context.Context, key string, body store.Body, o store.PutOptions) error {
	if key == jobKey("a") {
		b.arrived <- key
		<-b.proceed
	}
	return b.Store.Put(ctx, key, body, o)
}

// What another process has under way isn't safe until the ledger says so; the
// ledger is only read.
func TestPendingUnderWay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	slow := &blocking{Store: memstore.New(), arrived: make(chan string), proceed: make(chan struct{})}
	file := file(t, job("a", "")+"\n")
	running := archive.Config{Store: slow, Ledger: openLedger(t, path, nil), Inputs: []archive.Input{input(t, file, jobfile.Config{})}}
	done := make(chan error)
	go func() {
		_, err := archive.Run(t.Context(), running)
		done <- err
	}()
	<-slow.arrived
	l, err := ledger.Open(t.Context(), ledger.Config{Path: path, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	looking := archive.Config{Ledger: l, Inputs: []archive.Input{input(t, file, jobfile.Config{})}}
	wantPending(t, pending(t, looking, archive.PendingLimit{Time: time.Minute}), 1, "a: "+archive.NotRead)
	close(slow.proceed)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	wantPending(t, pending(t, looking, archive.PendingLimit{Time: time.Minute}), 0, "")
}

// breaking is a store that refuses when it was asked for so many Puts.
type breaking struct {
	store.Store
	left atomic.Int64
}

func (f *breaking) Put(ctx context.Context, key string, body store.Body, o store.PutOptions) error {
	if f.left.Add(-1) < 0 {
		return errInjected
	}
	return f.Store.Put(ctx, key, body, o)
}

// TestPendingAgainstLedger lets files grow, rotate and be archived, also by
// runs that fail, and compares what isn't safe with what was written and the
// ledger doesn't have. It prints its seed; LOGSTOW_SEED chooses it.
func TestPendingAgainstLedger(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if chosen := os.Getenv("LOGSTOW_SEED"); chosen != "" {
		var err error
		if seed, err = strconv.ParseUint(chosen, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("LOGSTOW_SEED=%d", seed)
	for range 10 {
		w := &pendingWorld{scene: newScene(t), rng: rng}
		for range 25 {
			w.step(t)
			w.check(t)
			if t.Failed() {
				t.Fatalf("it went through %v", w.trace)
			}
		}
	}
}

// pendingWorld is a scene with all that was written into its files.
type pendingWorld struct {
	*scene
	rng     *rand.Rand
	trace   []string
	jobs    map[string]int // the days of complete records by job
	broken  int
	rest    string // what completes the record at the end of the file, with its job and day
	restJob string
	restDay int
	rotated int
}

func (w *pendingWorld) step(t *testing.T) {
	t.Helper()
	what := []string{"whole", "whole", "half", "rest", "broken", "run", "fail", "rotate", "forget"}[w.rng.IntN(9)]
	w.trace = append(w.trace, what)
	switch what {
	case "whole", "half":
		w.complete(t)
		w.restJob, w.restDay = fmt.Sprint("j", len(w.jobs), len(w.trace)), 1+w.rng.IntN(28)
		w.rest = jobAt(w.restJob, w.restDay) + "\n"
		cut := len(w.rest)
		if what == "half" {
			cut = 1 + w.rng.IntN(len(w.rest)-2)
		}
		w.append(t, w.rest[:cut])
		if w.rest = w.rest[cut:]; w.rest == "" {
			w.complete(t)
		}
	case "rest":
		w.complete(t)
	case "broken":
		w.complete(t)
		w.append(t, fmt.Sprintf("{%d}\n", len(w.trace)))
		w.broken++
	case "run":
		run(t, w.Config)
	case "fail":
		c := w.Config
		f := &breaking{Store: w.Store}
		f.left.Store(w.rng.Int64N(6))
		c.Store, c.Concurrency = f, 1
		_, _ = archive.Run(t.Context(), c)
	case "rotate":
		w.complete(t)
		if w.broken > 0 { // it is another thing at another place
			return
		}
		w.rotated++
		if err := os.Rename(w.file, fmt.Sprintf("%s.%d", w.file, w.rotated)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	case "forget":
		w.forget(t)
	}
}

// complete completes the record at the end of the file.
func (w *pendingWorld) complete(t *testing.T) {
	t.Helper()
	if w.rest != "" {
		w.append(t, w.rest)
	}
	if w.restJob != "" {
		if w.jobs == nil {
			w.jobs = map[string]int{}
		}
		w.jobs[w.restJob] = w.restDay
	}
	w.rest, w.restJob = "", ""
}

func (w *pendingWorld) append(t *testing.T, text string) {
	t.Helper()
	f, err := os.OpenFile(w.file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func (w *pendingWorld) check(t *testing.T) {
	t.Helper()
	safe := map[string]bool{}
	for _, d := range collect(t, w.Ledger.Documents(t.Context(), ledger.Query{})) {
		safe[d.Job] = true
	}
	want := int64(w.broken - len(collect(t, w.Ledger.Quarantine(t.Context(), ledger.QuarantineQuery{}))))
	var days []int
	for job, day := range w.jobs {
		if !safe[job] {
			want++
			days = append(days, day)
		}
	}
	if w.rest != "" {
		want++
	}
	got := w.look(t)
	if got.Records != want || !got.Whole || got.Err != nil || (got.Oldest == nil) != (want == 0) {
		t.Errorf("%+v; want %d records", got, want)
	}
	if len(days) > 0 && (got.Oldest == nil || got.Oldest.Time.Day() != slices.Min(days) || got.Oldest.Reason != archive.NotRead) {
		t.Errorf("the oldest is %+v; want one of day %d", got.Oldest, slices.Min(days))
	}
}
