package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"logstow/archive"
	"logstow/cmd/internal/config"
)

// A look that the ledger cuts short is told to nobody, and said once; a source
// that reading would take from is left alone.
func TestWatcherTellsWholeLooks(t *testing.T) {
	var log bytes.Buffer
	var told []int
	broken := errors.New("the disk is full")
	w := &watcher{
		sources: []config.Source{{Path: "/a"}, {Path: "/pipe"}, {Path: "/b"}}, said: map[string]string{},
		found: func(_ context.Context, all []archive.Backlog) { told = append(told, len(all)) },
		log:   slog.New(slog.NewTextHandler(&log, nil)),
	}
	failing := true
	w.look = func(_ context.Context, s config.Source) (*archive.Backlog, error) {
		switch {
		case s.Path == "/pipe":
			return nil, nil
		case s.Path == "/b" && failing:
			return &archive.Backlog{Source: s.Path}, broken
		}
		return &archive.Backlog{Source: s.Path, Err: fs.ErrPermission}, nil
	}
	for range 3 {
		w.lookAtAll(t.Context())
	}
	if n := strings.Count(log.String(), "sources not looked at"); len(told) > 0 || n != 1 {
		t.Errorf("of looks that were cut short %v were told, and %d logged, want none and 1:\n%s", told, n, &log)
	}
	failing = false
	w.lookAtAll(t.Context())
	if len(told) != 1 || told[0] != 2 {
		t.Errorf("told of %v sources, want once of 2", told)
	}
	failing = true
	w.lookAtAll(t.Context())
	if n := strings.Count(log.String(), "sources not looked at"); n != 2 {
		t.Errorf("what came again was logged %d times, want 2", n)
	}
	if n := strings.Count(log.String(), "source can't be read"); n != 2 {
		t.Errorf("two sources that can't be read were logged %d times:\n%s", n, &log)
	}
}

// A source that isn't there has the name that it has when it is.
func TestMissingSourceHasItsName(t *testing.T) {
	t.Chdir(t.TempDir())
	whole, err := filepath.Abs("logs")
	if err != nil {
		t.Fatal(err)
	}
	if b := missing("logs", fs.ErrNotExist); b.Source != whole || b.Oldest.Source != whole {
		t.Errorf("missing(logs) is of %s and %s, want %s", b.Source, b.Oldest.Source, whole)
	}
}
