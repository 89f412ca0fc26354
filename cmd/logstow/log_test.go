package main

import (
	"log/slog"
	"strings"
	"testing"

	"logstow/cmd/internal/config"
)

// A line says of which run it is where its context does, before all else.
func TestLogSaysWhichRun(t *testing.T) {
	run := withRun(t.Context(), 7)
	for _, c := range []struct {
		format, want string // want but for the time
	}{
		{"text", `level=INFO msg=m run=7 a=1 g.b=2 g.c=3` + "\n" + `level=INFO msg=m a=1 g.b=2 g.c=3` + "\n" +
			`level=INFO msg=m run=8 a=1 g.b=2 g.c=3` + "\n" + `level=INFO msg=m a=1 g.b=2 g.c=3` + "\n"},
		{"json", `"level":"INFO","msg":"m","run":7,"a":1,"g":{"b":2,"c":3}}` + "\n" + `"level":"INFO","msg":"m","a":1,"g":{"b":2,"c":3}}` + "\n" +
			`"level":"INFO","msg":"m","run":8,"a":1,"g":{"b":2,"c":3}}` + "\n" + `"level":"INFO","msg":"m","a":1,"g":{"b":2,"c":3}}` + "\n"},
	} {
		var b strings.Builder
		log := newLog(&b, config.Log{Format: c.format}).With("a", 1).WithGroup("g").With("b", 2)
		log.InfoContext(run, "m", "c", 3)
		log.InfoContext(t.Context(), "m", "c", 3)
		log.InfoContext(withRun(run, 8), "m", "c", 3)
		log.InfoContext(withRun(run, 0), "m", "c", 3)
		log.DebugContext(run, "m")
		got := ""
		for line := range strings.Lines(b.String()) {
			_, rest, ok := strings.Cut(line, "level")
			if c.format == "json" {
				rest = `"level` + rest
			} else {
				rest = "level" + rest
			}
			if !ok {
				t.Errorf("%s: %q", c.format, line)
			}
			got += rest
		}
		if got != c.want {
			t.Errorf("%s:\n%swant\n%s", c.format, got, c.want)
		}
	}
	if newLog(&strings.Builder{}, config.Log{Level: slog.LevelWarn}).Enabled(run, slog.LevelInfo) {
		t.Error("what is too little to be logged is enabled")
	}
}
