package metrics_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/cmd/internal/metrics"
)

// some is a ledger with exports, or one that doesn't answer.
type some struct {
	exports []ledger.Export
	err     error
}

func (s some) Exports(_ context.Context, q ledger.ExportQuery) ([]ledger.Export, error) {
	for _, state := range q.States {
		if state == ledger.ExportSwept {
			return nil, errors.New("swept exports are too many to be asked for")
		}
	}
	return s.exports, s.err
}

func scrape(t *testing.T, m *metrics.Metrics) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Code, w.Body.String()
}

func TestNumbers(t *testing.T) {
	m := metrics.New(some{exports: []ledger.Export{
		{State: ledger.ExportCreated},
		{State: ledger.ExportCreated},
		{State: ledger.ExportReady, Size: 1000},
		{State: ledger.ExportFailed, Size: 7},
	}})
	m.Request("GET /v1/jobs", 200, 20*time.Millisecond, 500)
	m.Request("GET /v1/jobs", 200, 2*time.Millisecond, 100)
	m.Request("", 404, time.Millisecond, 10)
	status, got := scrape(t, m)
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, got)
	}
	for _, want := range []string{
		`logstow_http_requests_total{route="GET /v1/jobs",status="200"} 2`,
		`logstow_http_requests_total{route="none",status="404"} 1`,
		`logstow_http_response_bytes_total{route="GET /v1/jobs"} 600`,
		`logstow_http_request_duration_seconds_count{route="GET /v1/jobs"} 2`,
		`logstow_http_request_duration_seconds_bucket{route="GET /v1/jobs",le="0.005"} 1`,
		`logstow_exports{state="created"} 2`,
		`logstow_exports{state="running"} 0`,
		`logstow_exports{state="ready"} 1`,
		`logstow_export_file_bytes 1000`,
		`go_goroutines `,
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("no line %q in\n%s", want, got)
		}
	}
}

// A ledger that doesn't answer must not look like an empty queue.
func TestLedgerThatDoesNotAnswer(t *testing.T) {
	status, got := scrape(t, metrics.New(some{err: errors.New("gone")}))
	if status != http.StatusInternalServerError || strings.Contains(got, "logstow_exports{") {
		t.Errorf("status %d, want 500 and no numbers of exports:\n%s", status, got)
	}
}
