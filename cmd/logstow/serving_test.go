package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
)

// A server finishes the deletions that another didn't live to finish.
func TestServeFinishesErasures(t *testing.T) {
	const key = "u/jobs/r/20260301/j/u-r-j-20260301000000-failed.json"
	s := memstore.New()
	l, err := ledger.Open(t.Context(), ledger.Config{Path: filepath.Join(t.TempDir(), "ledger.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	body := store.Bytes([]byte("{}"))
	if err := s.Put(t.Context(), key, body, store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	d := ledger.Document{
		Kind: "job", User: "u", Recipe: "r", Job: "j", Status: "failed", Key: key, Verified: true,
		Time: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), InputHash: body.SHA256, SHA256: body.SHA256, InputSize: 2, Size: 2,
	}
	if err := l.Commit(t.Context(), ledger.Batch{Documents: []ledger.Document{d}}); err != nil {
		t.Fatal(err)
	}
	docs, err := l.ByJob(t.Context(), "u", "j")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.StartErasure(t.Context(), docs, ledger.AuditEntry{At: time.Now()}); err != nil {
		t.Fatal(err)
	}

	p := &sweeper{erasing: retain.Config{Store: s, Ledger: l}, log: slog.New(slog.DiscardHandler)}
	p.finishErasures(t.Context())
	if _, err := s.Stat(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the document: %v; want it gone", err)
	}
	if left, err := l.Deleting(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("%d versions are still being deleted (%v)", len(left), err)
	}
}
