package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/cmd/internal/config"
)

// losing is a store that calls lose whenever something is read from it.
type losing struct {
	store.Store
	lose func()
}

func (s losing) Get(ctx context.Context, key string, r store.Range) (io.ReadCloser, store.Info, error) {
	s.lose()
	return s.Store.Get(ctx, key, r)
}

// Who loses the lease while the file is downloaded doesn't replace what whoever
// has it since may have written.
func TestExportTaskThatLosesItsLeaseMeanwhile(t *testing.T) {
	folder := t.TempDir()
	s := config.Schedule{Name: "all", Task: "export", Export: &config.StandingExport{Format: "csv", Period: "day", Folder: folder}}
	w := newTaskWorld(t, s)
	planned := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	path := filepath.Join(folder, "all-20261120.csv")
	acquire := func(now time.Time) ledger.Lease {
		have, err := w.ledger.AcquireLease(t.Context(), ledger.Lease{Task: "all", Holder: "a", Since: now, Until: now.Add(time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		return have
	}
	ctx := ledger.WithFence(t.Context(), acquire(planned))
	lost := false
	w.store = losing{w.store, func() {
		if !lost {
			lost = true
			acquire(planned.Add(time.Hour))
			if err := os.WriteFile(path, []byte("theirs"), 0o600); err != nil {
				t.Error(err)
			}
		}
	}}
	do, err := w.app.exportTask(w.workplace, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := do(ctx, ledger.Run{Task: s.Name, Planned: planned, Started: planned}); !lost || !errors.Is(err, ledger.ErrFenced) {
		t.Errorf("export: %v (lost the lease: %v), want it fenced", err, lost)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "theirs" {
		t.Errorf("the file holds %q, %v, want what whoever has the lease wrote", b, err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
		t.Errorf("the folder has %v (%v), want one file", entries, err)
	}
}
