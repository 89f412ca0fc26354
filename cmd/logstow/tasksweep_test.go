package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/cmd/internal/config"
)

// Sweep removes what nobody can ask for, finishes what was begun, and forgets
// what is old, but for the latest of each.
func TestSweepTask(t *testing.T) {
	w := newTaskWorld(t,
		config.Schedule{Name: "sweep", Task: "sweep"},
		config.Schedule{Name: "logs", Task: "archive"},
	)
	w.config.Schedules[1].Sources = []config.Source{{Path: w.write(t, "jobs.ndjson", oneJob)}}
	if _, err := w.run(t, "logs"); err != nil {
		t.Fatal(err)
	}
	docs, err := w.ledger.ByJob(t.Context(), "1", "7")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.ledger.StartErasure(t.Context(), docs, ledger.AuditEntry{At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Put(t.Context(), exportedObject, store.Bytes(nil), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-keepRuns - time.Hour)
	if err := os.Chtimes(filepath.Join(w.dir, "store", filepath.FromSlash(exportedObject)), old, old); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r, err := w.ledger.StartRun(t.Context(), "archive", old)
		if err != nil {
			t.Fatal(err)
		}
		r.Ended, r.Outcome, r.Summary = old, "ok", "{}"
		if err := w.ledger.EndRun(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []sweepReport{{Files: 1, Versions: 1, Runs: 1}, {}} {
		var did report
		w.done = func(_ string, what report) { did = what }
		if _, err := w.run(t, "sweep"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, did); diff != "" {
			t.Errorf("sweep (-want +got):\n%s", diff)
		}
	}
	for _, key := range []string{exportedObject, docs[0].Key} {
		if _, err := w.store.Stat(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v; want it gone", key, err)
		}
	}
}
