package metrics_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/cmd/internal/metrics"
)

var update = flag.Bool("update", false, "write testdata anew")

func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// written is what Write writes; want is the error it is to say something of,
// empty for none.
func written(t *testing.T, m *metrics.Metrics, want string) string {
	t.Helper()
	var out bytes.Buffer
	err := m.Write(t.Context(), &out)
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("Write = %v, want an error that says %q", err, want)
	}
	return out.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// runtimeNumbers are those of Go and the process, which are never the same.
var runtimeNumbers = regexp.MustCompile(`(?m)^(# (HELP|TYPE) )?(go|process)_.*\n`)

func TestScrape(t *testing.T) {
	got := scrape(t, filled(t))
	if !strings.Contains(got, "\ngo_goroutines ") || !strings.Contains(got, "\nprocess_open_fds ") {
		t.Errorf("no numbers of Go or of the process in\n%s", got)
	}
	golden(t, "scrape.txt", runtimeNumbers.ReplaceAllString(got, ""))
}

func TestWrite(t *testing.T) {
	golden(t, "written.txt", written(t, filled(t), ""))
}

// Where there is nothing yet, nothing counts as old.
func TestNothingYet(t *testing.T) {
	l := open(t, ledger.Config{})
	m := metrics.New(metrics.Config{Ledger: l, Tasks: []string{"archive"}})
	golden(t, "empty.txt", written(t, m, ""))
}

// A ledger that doesn't answer must not look like an empty one: what it doesn't
// tell is missing, and the rest is told.
func TestLedgerThatDoesNotAnswer(t *testing.T) {
	for op, gone := range map[string][]string{
		"counts":        {"logstow_documents", "logstow_document_bytes", "logstow_quarantined_records"},
		"unverified":    {"logstow_unverified_documents", "logstow_oldest_unverified_timestamp_seconds"},
		"export counts": {"logstow_exports", "logstow_export_file_bytes"},
		"recent runs":   {"logstow_task_last_run_timestamp_seconds", "logstow_task_lease_held"},
		"leases":        {"logstow_task_last_run_timestamp_seconds", "logstow_task_lease_held"},
	} {
		l := open(t, ledger.Config{Fault: func(called string, _ ledger.Phase) error {
			if called == op {
				return errors.New("gone: " + op)
			}
			return nil
		}})
		m := metrics.New(metrics.Config{Ledger: l, Tasks: []string{"archive"}})
		m.Pending([]archive.Backlog{{Source: "s"}})
		text := written(t, m, "gone: "+op)
		for _, got := range []string{text, scrape(t, m)} {
			told := names(got)
			for _, name := range gone {
				if told[name] {
					t.Errorf("without %s: %s is told:\n%s", op, name, got)
				}
			}
			if !strings.Contains(got, "\nlogstow_ledger_up 0\n") || !told["logstow_source_readable"] || len(told) < 8 {
				t.Errorf("without %s: want logstow_ledger_up 0 and the rest:\n%s", op, got)
			}
		}
	}
}

// A ledger that is closed, as the real one fails.
func TestLedgerThatIsClosed(t *testing.T) {
	l := open(t, ledger.Config{})
	m := metrics.New(metrics.Config{Ledger: l})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, got := range []string{written(t, m, "documents: "), scrape(t, m)} {
		if !strings.Contains(got, "logstow_ledger_up 0\n") || strings.Contains(got, "logstow_documents") {
			t.Errorf("want logstow_ledger_up 0 and no documents:\n%s", got)
		}
	}
}

// A writer that fails is told, as is a context that has ended.
func TestWriteFails(t *testing.T) {
	m := metrics.New(metrics.Config{Ledger: open(t, ledger.Config{})})
	if err := m.Write(t.Context(), full{}); !errors.Is(err, errFull) {
		t.Errorf("Write to what is full = %v, want %v", err, errFull)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Write(ctx, new(bytes.Buffer)); !errors.Is(err, context.Canceled) {
		t.Errorf("Write after its context ended = %v, want %v", err, context.Canceled)
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// Everything is counted, whoever asks meanwhile.
func TestConcurrent(t *testing.T) {
	m := metrics.New(metrics.Config{Ledger: open(t, ledger.Config{}), Tasks: []string{"a"}})
	const each, workers = 50, 4
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range each {
				m.Request("r", 200, time.Millisecond, 1)
				m.RunEnded(ledger.Run{Task: "a", Outcome: "failed"}, context.DeadlineExceeded)
				m.Archived("a", archive.Summary{Archived: 1})
				m.Pending([]archive.Backlog{{Source: "s", Records: int64(i)}})
			}
		})
		wg.Go(func() {
			for range each / 5 {
				scrape(t, m)
				written(t, m, "")
			}
		})
	}
	wg.Wait()
	got := scrape(t, m)
	for _, want := range []string{
		`logstow_http_requests_total{route="r",status="200"} 200`,
		`logstow_task_runs_total{outcome="failed",task="a"} 200`,
		`logstow_task_failures_total{class="other",task="a"} 200`,
		`logstow_archive_records_total{outcome="archived",task="a"} 200`,
		`logstow_source_unread_records{source="s"} 49`,
	} {
		if !strings.Contains(got, "\n"+want+"\n") {
			t.Errorf("no line %q in\n%s", want, got)
		}
	}
}

// names is the names of the metrics in a text, as expressions use them.
func names(text string) map[string]bool {
	all := map[string]bool{}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			all[line[:strings.IndexAny(line, "{ ")]] = true
		}
	}
	return all
}
