package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"logstow/archive"
	"logstow/archive/ledger"
)

func TestServeStatus(t *testing.T) {
	var line string
	s := &serveStatus{tell: func(_ context.Context, l string) { line = l }}
	ctx, at := t.Context(), time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		do   func()
		want string
	}{
		{func() { s.serves(ctx, []string{"serving on http://x"}) }, "serving on http://x"},
		{func() { s.ran(ctx, ledger.Run{Task: "archive", Ended: at, Outcome: "ok"}) }, "serving on http://x; archive at 10:00:00: ok"},
		{func() { s.looked(ctx, []archive.Backlog{{}, {Err: errors.New("gone")}}) }, "serving on http://x; archive at 10:00:00: ok; everything that was looked at is safe; 1 source can't be read"},
		{func() {
			s.looked(ctx, []archive.Backlog{
				{Oldest: &archive.Unsafe{Job: "late", Time: at.Add(time.Hour), Reason: "x"}},
				{Oldest: &archive.Unsafe{Job: "j", Time: at, Reason: "not read yet"}},
			})
		}, "serving on http://x; archive at 10:00:00: ok; not safe since 2026-11-01T10:00:00Z: job j (not read yet)"},
		{func() {
			s.looked(ctx, []archive.Backlog{{Oldest: &archive.Unsafe{Part: "/a", Offset: 7, Time: at, Reason: "r"}}})
		}, "serving on http://x; archive at 10:00:00: ok; not safe since 2026-11-01T10:00:00Z: /a at byte 7 (r)"},
		{func() {
			s.looked(ctx, []archive.Backlog{{Oldest: &archive.Unsafe{Part: "/a", Offset: -1, Time: at, Reason: "r"}}})
		}, "serving on http://x; archive at 10:00:00: ok; not safe since 2026-11-01T10:00:00Z: /a (r)"},
		{func() {
			s.looked(ctx, []archive.Backlog{{Oldest: &archive.Unsafe{Source: "/gone", Offset: -1, Reason: "can't be read"}}})
		}, "serving on http://x; archive at 10:00:00: ok; not safe: /gone (can't be read)"},
		{func() {
			s.looked(ctx, []archive.Backlog{
				{Oldest: &archive.Unsafe{Part: "/gone", Offset: -1, Reason: "can't be read"}},
				{Oldest: &archive.Unsafe{Part: "/a", Offset: -1, Time: at, Reason: "r"}},
			})
		}, "serving on http://x; archive at 10:00:00: ok; not safe since 2026-11-01T10:00:00Z: /a (r)"},
		{func() { s.stops(ctx) }, "stopping; serving on http://x; archive at 10:00:00: ok; not safe since 2026-11-01T10:00:00Z: /a (r)"},
	} {
		if step.do(); line != step.want {
			t.Errorf("the line is %q, want %q", line, step.want)
		}
	}
}

func TestServeSummary(t *testing.T) {
	for _, tt := range []struct {
		did  serveSummary
		want string
	}{
		{serveSummary{DurationSeconds: 0.2}, "served for 0s"},
		{serveSummary{DurationSeconds: 10920, Runs: map[string]int64{"failed": 1, "ok": 1100}}, "served for 3h2m0s: 1,101 runs, 1,100 ok, 1 failed"},
		{serveSummary{DurationSeconds: 61, Requests: 1, Runs: map[string]int64{"ok": 1}}, "served for 1m1s: 1 request, 1 run, 1 ok"},
	} {
		if got := tt.did.String(); got != tt.want {
			t.Errorf("%+v is %q, want %q", tt.did, got, tt.want)
		}
	}
}

func TestNextIn(t *testing.T) {
	now := time.Date(2026, 11, 1, 23, 30, 0, 0, time.UTC)
	zone := time.FixedZone("ABC", 3600)
	for _, tt := range []struct {
		next time.Time
		want string
	}{
		{now.Add(5 * time.Minute), "23:35 UTC"},
		{now.Add(5 * time.Second), "23:30:05 UTC"},
		{now.Add(time.Hour), "2026-11-02 00:30 UTC"},
		{now.Add(5 * time.Minute).In(zone), "00:35 ABC"}, // there it is the next day already
	} {
		if got := nextIn(tt.next, now); got != tt.want {
			t.Errorf("nextIn(%s) = %s, want %s", tt.next, got, tt.want)
		}
	}
}
