package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/cmd/internal/config"
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
	if _, _, err := l.StartErasure(t.Context(), docs, ledger.AuditEntry{At: time.Now()}); err != nil {
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

// A server that doesn't end is given up in time, and what of it runs is named.
func TestServeEndsInTime(t *testing.T) {
	failure := errors.New("the port is gone")
	for _, tt := range []struct {
		told, takes time.Duration // 0: never
		want        string
		after       time.Duration
	}{
		{0, time.Hour, "the port is gone", time.Hour},
		{time.Hour, time.Hour + 40*time.Second, "the port is gone", time.Hour + 40*time.Second},
		{time.Hour, 0, "still running 58s after it was to stop, and given up: scheduler", time.Hour + 58*time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			ended, told := make(chan error, 1), make(chan struct{})
			if tt.takes > 0 {
				time.AfterFunc(tt.takes, func() { ended <- failure })
			}
			if tt.told > 0 {
				time.AfterFunc(tt.told, func() { close(told) })
			}
			began := time.Now()
			err := endOf(ended, told, func() string { return "scheduler" })
			if err == nil || err.Error() != tt.want || time.Since(began) != tt.after {
				t.Errorf("it ended with %v after %s, want %s after %s", err, time.Since(began), tt.want, tt.after)
			}
		})
	}
}

// A part that fails, or ends without being told to, ends the others, and is
// named.
func TestServePartFails(t *testing.T) {
	for _, tt := range []struct {
		fails error
		want  string
	}{
		{errors.New("no space"), "scheduler: no space"},
		{nil, "scheduler: it ended by itself"},
	} {
		l, err := ledger.Open(t.Context(), ledger.Config{Path: filepath.Join(t.TempDir(), "ledger.db")})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		a := &app{err: io.Discard, log: slog.New(slog.DiscardHandler)}
		d := a.newDaemon(&config.Config{}, opened{ledger: l})
		otherEnded := false
		d.add("api", func(ctx context.Context) error { <-ctx.Done(); otherEnded = true; return nil })
		d.add("scheduler", func(context.Context) error { return tt.fails })
		stopped := 0
		err = d.run(t.Context(), func() { stopped++ })
		if err == nil || err.Error() != tt.want || !otherEnded || stopped != 1 {
			t.Errorf("run = %v, want %s; the other ended: %v; told to stop %d times", err, tt.want, otherEnded, stopped)
		}
		if left := d.left(); left != "the ledger" {
			t.Errorf("left: %s", left)
		}
	}
}
