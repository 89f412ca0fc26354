package ledger_test

import (
	"testing"
	"time"

	"logstow/archive/ledger"
)

func TestRecent(t *testing.T) {
	l := open(t, newPath(t))
	lease := acquire(t, l, "t", noon, time.Hour)
	other := acquire(t, l, "other", noon, time.Hour)
	at := noon
	record := func(of ledger.Lease, outcome string) ledger.Run {
		t.Helper()
		at = at.Add(time.Minute)
		r, err := l.StartTaskRun(t.Context(), ledger.Run{Command: "c", Task: of.Task, Fence: of.Fence, Attempt: 1, Started: at})
		if err != nil {
			t.Fatal(err)
		}
		if outcome == "" {
			return r
		}
		r.Ended, r.Outcome, r.Summary = at.Add(time.Second), outcome, "{}"
		if err := l.EndRun(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	want := ledger.Recent{}
	check := func(after string) {
		t.Helper()
		record(other, "ok")
		got, err := l.Recent(t.Context(), "t")
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "Recent after "+after, got, want)
	}
	check("nothing")
	for _, outcome := range []string{"failed", "ok", "failed", "interrupted", "failed", "partial", "interrupted", ""} {
		want.Latest = record(lease, outcome)
		switch outcome {
		case "ok", "partial":
			want.Ended, want.Success, want.Failures = want.Latest, want.Latest, 0
		case "failed":
			want.Ended = want.Latest
			want.Failures++
		}
		check(outcome)
	}
}
