package main

import (
	"context"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
)

// footprint is what a process holds. The descriptors of its ledger are counted apart:
// there are a few connections at most, and when the next one is needed is chance.
type footprint struct {
	goroutines, descriptors, ledger int
	heap                            uint64
}

// footprintNow is what the process holds whose ledger is at a path.
func footprintNow(t *testing.T, ledger string) footprint {
	t.Helper()
	runtime.GC()
	runtime.GC() // finalizers have run, and what they let go of is gone
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	f := footprint{goroutines: runtime.NumGoroutine(), heap: m.HeapAlloc}
	for _, d := range open {
		if to, err := os.Readlink("/proc/self/fd/" + d.Name()); err == nil && strings.HasPrefix(to, ledger) {
			f.ledger++
		} else {
			f.descriptors++
		}
	}
	return f
}

// within tells whether f is no more than before, but for connections to the ledger.
func (f footprint) within(before footprint) bool {
	connected := max(0, f.ledger-before.ledger)
	return f.goroutines <= before.goroutines+2 && f.descriptors <= before.descriptors+2 && f.ledger <= 20 &&
		f.heap <= before.heap+512<<10+uint64(connected)*256<<10
}

// A server runs a thousand tasks, and holds no more afterwards than it did when
// it had run a hundred.
func TestServeSoak(t *testing.T) {
	w := newServeWorld(t, `  - {name: archive, task: archive, cron: "@yearly"}
  - {name: sweep, task: sweep, cron: "@yearly"}
`)
	w.add("first")
	c, _, err := config.Load(config.Options{File: w.config, Flags: map[string]string{"serve.listen": "127.0.0.1:0", "log.level": "error"}})
	if err != nil {
		t.Fatal(err)
	}
	a := &app{in: os.Stdin, out: io.Discard, err: io.Discard, log: newLog(io.Discard, c.Log)}
	o, err := openForServing(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	d := a.newDaemon(c, o)
	ended := make(chan error, 1)
	go func() { ended <- d.serve(ctx, func() {}) }()
	until(t, "the server works", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.running) > 0
	})

	var before footprint
	for i := range 1000 {
		if i == 100 {
			before = footprintNow(t, c.Ledger)
		}
		task := []string{"archive", "sweep"}[i%2]
		if _, err := d.tasks.RunNow(ctx, task); err != nil {
			t.Fatalf("run %d, of %s: %v", i, task, err)
		}
	}
	until(t, "no more is held than before", func() bool {
		after := footprintNow(t, c.Ledger)
		t.Logf("after 100 runs %+v, after 1000 %+v", before, after)
		return after.within(before)
	})
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("serve: %v", err)
	}
	if got := d.tally.summary().Runs["ok"]; got != 1000 {
		t.Errorf("%d runs were counted, want 1000", got)
	}
	if all := w.runs(ledger.RunQuery{Command: "serve"}); len(all) != 1 || all[0].Outcome != "ok" {
		t.Errorf("the run of serve is %+v", all)
	}
}
