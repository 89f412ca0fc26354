package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/cmd/internal/metrics"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// These two are sources that a label can't hold as they are, nor tell apart.
const (
	hostile = "/logs/\xff\"\\\n.jsonl"
	another = "/logs/\xfe\"\\\n.jsonl"
)

func open(t *testing.T, c ledger.Config) *ledger.Ledger {
	t.Helper()
	if c.Path == "" {
		c.Path = filepath.Join(t.TempDir(), "ledger.db")
	}
	l, err := ledger.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// must fails the test for the first of errs that is one.
func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func document(kind, id string, size int64, verified bool) ledger.Document {
	return ledger.Document{
		Kind: kind, User: "u", Recipe: "r", Job: id, Time: noon.Add(-48 * time.Hour), Key: "key of " + id,
		InputHash: ledger.Hash{1}, SHA256: ledger.Hash{1}, InputSize: size, Size: size, Verified: verified, ArchivedAt: noon,
	}
}

// fill gives a ledger something of everything that is counted.
func fill(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	ctx := t.Context()
	must(t, l.Commit(ctx, ledger.Batch{
		Documents: []ledger.Document{
			document("job", "1", 100, true), document("job", "2", 1000, false), document("activity", "3", 7, true),
		},
		Quarantined: []ledger.Quarantined{{Source: "s", Part: "p", Size: 3, Key: "q", Reason: "broken", At: noon}},
	}))
	for i, state := range []ledger.ExportState{"", "", ledger.ExportReady, ledger.ExportFailed} {
		id := fmt.Sprintf("%032d", i)
		_, err := l.CreateExport(ctx, ledger.Export{ID: id, Created: noon},
			ledger.Token{Hash: ledger.Hash{byte(i)}, Expires: noon.Add(time.Hour)}, ledger.AuditEntry{At: noon})
		must(t, err)
		if state == "" {
			continue
		}
		e, err := l.ClaimExport(ctx, id, noon, time.Hour)
		must(t, err)
		e.State, e.Object, e.Size = state, "object", 500
		must(t, l.FinishExport(ctx, e))
	}
	fillTasks(ctx, t, l)
}

func fillTasks(ctx context.Context, t *testing.T, l *ledger.Ledger) {
	t.Helper()
	for _, task := range []struct {
		name     string
		outcomes []string
		summary  string
		until    time.Duration // after noon; 0: given back
	}{
		{"archive", []string{"ok", "failed", "partial", "failed", "interrupted", "failed", ""}, `{"read": 7}`, 10 * time.Minute},
		{"check", []string{"ok", "failed"}, `{"damage": 2}`, 0},
		{"check-whole", []string{"failed", "ok"}, `{"damage": 0}`, 0},
		{"check-refused", []string{"ok", "failed"}, `{"damage": 0}`, 0}, // by the store: it found nothing
		{"died", []string{"ok", ""}, "", -time.Minute},
		{"gone", []string{"ok"}, "", 10 * time.Minute}, // isn't configured any more
	} {
		at := noon.Add(-20 * time.Minute)
		lease, err := l.AcquireLease(ctx, ledger.Lease{Task: task.name, Holder: "h", Since: at, Until: noon.Add(task.until)})
		must(t, err)
		for _, outcome := range task.outcomes {
			at = at.Add(time.Minute)
			r, err := l.StartTaskRun(ctx, ledger.Run{Command: task.name, Task: task.name, Fence: lease.Fence, Attempt: 1, Started: at})
			must(t, err)
			if outcome != "" {
				r.Ended, r.Outcome, r.Summary = at.Add(1500*time.Millisecond), outcome, task.summary
				must(t, l.EndRun(ctx, r))
			}
		}
		if task.until == 0 {
			must(t, l.ReleaseLease(ctx, lease))
		}
	}
}

// filled is numbers of which none is missing.
func filled(t *testing.T) *metrics.Metrics {
	t.Helper()
	l := open(t, ledger.Config{})
	fill(t, l)
	m := metrics.New(metrics.Config{
		Ledger: l, Tasks: []string{"archive", "check", "check-whole", "check-refused", "died", "never", "archive"}, Now: func() time.Time { return noon },
	})
	m.Request("GET /v1/jobs", 200, 20*time.Millisecond, 500)
	m.Request("GET /v1/jobs", 200, 2*time.Millisecond, 100)
	m.Request("", 404, time.Millisecond, 10)
	run := func(task, outcome string, took time.Duration, failure error) {
		m.RunEnded(ledger.Run{Task: task, Outcome: outcome, Started: noon, Ended: noon.Add(took)}, failure)
	}
	run("archive", "ok", 20*time.Second, nil)
	run("archive", "failed", 2*time.Hour, fmt.Errorf("put k: %w", store.ErrRefused))
	run("archive", "interrupted", -time.Second, errors.Join(context.Canceled, ledger.ErrFenced))
	run("no such", "no such", time.Second, nil)
	for range 2 {
		m.Archived("archive", archive.Summary{
			Read: 29, Archived: 1, Events: 2, AlreadyArchived: 3, Revisions: 1, Capped: 1,
			Quarantined: 4, Refused: 5, Unverified: 6, Unreadable: 7, Skipped: 8, Bytes: 900,
		})
	}
	m.Pending([]archive.Backlog{
		{Source: "/logs/b", Whole: true},
		{Source: "/logs/a", Records: 3, Bytes: 30, Whole: true, Oldest: &archive.Unsafe{Time: noon.Add(-26 * time.Hour)}},
		{Source: "/logs/a", Records: 1, Bytes: 12, Oldest: &archive.Unsafe{Time: noon.Add(-25 * time.Hour)}},
		{Source: hostile, Records: 1, Bytes: 1, Whole: true, Oldest: &archive.Unsafe{}, Err: errors.New("permission denied")},
		{Source: another, Records: 1, Bytes: 1, Whole: true},
	})
	return m
}
