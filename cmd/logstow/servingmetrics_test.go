package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
)

// Numbers that the ledger doesn't tell a server are missing from its metrics,
// and its log says why.
func TestServeLogsWhyNumbersAreMissing(t *testing.T) {
	l, err := ledger.Open(t.Context(), ledger.Config{Path: filepath.Join(t.TempDir(), "ledger.db")})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	a := &app{log: newLog(&log, config.Log{})}
	d := a.newDaemon(&config.Config{Schedules: []config.Schedule{{Name: "nightly"}}}, opened{ledger: l})
	scrape := func() string {
		w := httptest.NewRecorder()
		d.numbers.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
		return w.Body.String()
	}
	if got := scrape(); !strings.Contains(got, "logstow_ledger_up 1\n") || log.Len() > 0 {
		t.Errorf("the numbers are\n%s\nand logged is %q", got, &log)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := scrape(); !strings.Contains(got, "logstow_ledger_up 0\n") || !strings.Contains(log.String(), "numbers are missing from the metrics") {
		t.Errorf("of a ledger that is closed the numbers are\n%s\nand logged is %q", got, &log)
	}
}
