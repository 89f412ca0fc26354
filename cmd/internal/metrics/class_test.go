package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/cmd/internal/metrics"
	"logstow/export"
	"logstow/scheduler"
)

// Each failure counts once, in the class that tells most of what to do.
func TestClasses(t *testing.T) {
	l := open(t, ledger.Config{})
	for _, c := range []struct {
		outcome string
		failure error
		want    string // empty: nothing has failed
	}{
		{"ok", nil, ""},
		{"partial", errors.New("some"), ""},
		{"interrupted", fmt.Errorf("put: %w", context.Canceled), ""},
		{"interrupted", store.ErrUnavailable, ""},
		{"interrupted", fmt.Errorf("%w: %w", context.Canceled, ledger.ErrFenced), "lease_lost"},
		{"interrupted", fmt.Errorf("%w: %w", scheduler.ErrLost, ledger.ErrBusy), "lease_lost"},
		{"interrupted", errors.Join(scheduler.ErrStuck, scheduler.ErrLost), "stuck"},
		{"failed", fmt.Errorf("%w: %w", scheduler.ErrTimeout, scheduler.ErrStuck), "stuck"},
		{"failed", fmt.Errorf("%w: nil map", scheduler.ErrPanic), "panic"},
		{"failed", nil, "other"},
		{"failed", errors.New("some"), "other"},
		{"failed", fmt.Errorf("put k: %w", store.ErrUnavailable), "store_unavailable"},
		{"failed", fmt.Errorf("put k: %w", store.ErrRefused), "store_refused"},
		{"failed", store.ErrCredentials, "store_refused"},
		{"failed", errors.Join(store.ErrUnavailable, store.ErrRefused), "store_refused"},
		{"failed", ledger.ErrBusy, "ledger"},
		{"failed", ledger.ErrFull, "ledger"},
		{"failed", ledger.ErrDamaged, "ledger"},
		{"failed", ledger.ErrOtherStore, "ledger"},
		{"failed", fmt.Errorf("%w of 1s: %w", scheduler.ErrTimeout, store.ErrUnavailable), "timeout"},
		{"failed", fmt.Errorf("check: %w", export.ErrDamaged), "damage"},
	} {
		m := metrics.New(metrics.Config{Ledger: l, Tasks: []string{"t"}})
		m.RunEnded(ledger.Run{Task: "t", Outcome: c.outcome}, c.failure)
		var got []string
		for line := range strings.Lines(scrape(t, m)) {
			if strings.HasPrefix(line, "logstow_task_failures_total{") && !strings.HasSuffix(line, " 0\n") {
				got = append(got, strings.TrimSpace(line))
			}
		}
		want := []string{fmt.Sprintf(`logstow_task_failures_total{class="%s",task="t"} 1`, c.want)}
		if c.want == "" {
			want = nil
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("a run %s by %v counts as %q, want %q", c.outcome, c.failure, got, want)
		}
	}
}
