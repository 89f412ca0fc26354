package main

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
)

// statusWorld is a ledger with a task in some state, and what is asked of it.
type statusWorld struct {
	t      *testing.T
	ledger *ledger.Ledger
	config *config.Config
	now    time.Time
}

func newStatusWorld(t *testing.T) *statusWorld {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	l, err := ledger.Open(t.Context(), ledger.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &statusWorld{t: t, ledger: l, now: time.Now(), config: &config.Config{
		Ledger: path,
		Schedules: []config.Schedule{{
			Name: "nightly", Task: "archive", Cron: "0 3 1 1 *", Sources: []config.Source{{Path: "/srv/logs"}},
		}},
	}}
}

func (w *statusWorld) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// take gives the lease to a holder, until so long from now, which may be past.
func (w *statusWorld) take(holder string, since, until time.Duration) ledger.Lease {
	w.t.Helper()
	got, err := w.ledger.AcquireLease(w.t.Context(), ledger.Lease{
		Task: "nightly", Holder: holder, Since: w.now.Add(since), Until: w.now.Add(until),
	})
	w.check(err)
	return got
}

func (w *statusWorld) begin(l ledger.Lease) ledger.Run {
	w.t.Helper()
	r, err := w.ledger.StartTaskRun(w.t.Context(), ledger.Run{
		Command: "archive", Task: "nightly", Attempt: 1, Fence: l.Fence, Started: l.Since,
	})
	w.check(err)
	return r
}

func (w *statusWorld) end(r ledger.Run, l ledger.Lease, outcome, why string) {
	w.t.Helper()
	r.Ended, r.Outcome, r.Error = r.Started.Add(90*time.Second), outcome, why
	w.check(w.ledger.EndRun(w.t.Context(), r))
	w.check(w.ledger.ReleaseLease(w.t.Context(), l))
}

// told is what status prints, with a record in /srv/logs that wasn't read.
func (w *statusWorld) told() string {
	w.t.Helper()
	var out bytes.Buffer
	k, err := gather(w.t.Context(), w.config, w.ledger, lookout{all: []archive.Backlog{{
		Source: "/srv/logs", Records: 1, Whole: true, Oldest: &archive.Unsafe{
			User: "5", Job: "j\x1b[2J", Time: w.now.Add(-26 * time.Hour), Source: "/srv/logs", Part: "/srv/logs/a", Reason: archive.NotRead,
		},
	}}})
	w.check(err)
	w.check(k.print(&app{out: &out}))
	if j := k.json(); j.Oldest == nil || j.Oldest.Why != k.why(*k.oldest) || len(j.Tasks) == 0 {
		w.t.Errorf("as JSON: %+v", j)
	}
	return out.String()
}

func (w *statusWorld) wantTold(want ...string) {
	w.t.Helper()
	got := w.told()
	for _, s := range want {
		if !strings.Contains(got, s) {
			w.t.Errorf("%q is not told:\n%s", s, got)
		}
	}
}

// What a task's lease and its last run say is part of why, and of its row.
func TestStatusOfTasks(t *testing.T) {
	const next = "; the next run of nightly is at 20"
	for name, c := range map[string]struct {
		made func(w *statusWorld)
		want []string
	}{
		"never ran": {
			func(*statusWorld) {},
			[]string{"not read yet: nightly has never run" + next, "\nnightly  never "},
		},
		"running": {
			func(w *statusWorld) { w.begin(w.take("host:1:x", -time.Minute, time.Minute)) },
			[]string{"not read yet: nightly is being run by host:1:x since ", "  running ", " so far ", "  run by host:1:x since "},
		},
		"between two attempts": {
			func(w *statusWorld) {
				r := w.begin(w.take("host:1:x", -time.Minute, time.Minute))
				r.Ended, r.Outcome, r.Error = r.Started.Add(time.Second), "failed", "store unavailable\ntwice"
				w.check(w.ledger.EndRun(w.t.Context(), r))
			},
			[]string{"  failed ", "  run by host:1:x since ", " UTC; store unavailable; twice\n"},
		},
		"seems dead": {
			func(w *statusWorld) { w.begin(w.take("host:1:x", -30*time.Minute, -20*time.Minute)) },
			[]string{"not read yet: host:1:x seems to have died running nightly" + next, "  died ", "  host:1:x, who ran it, seems to have died: its lease lapsed at "},
		},
		"died, and its lease was given back by the next": {
			func(w *statusWorld) {
				w.begin(w.take("host:1:x", -30*time.Minute, -20*time.Minute))
				w.check(w.ledger.ReleaseLease(w.t.Context(), w.take("host:2:y", -10*time.Minute, -5*time.Minute)))
			},
			[]string{"not read yet: the last run of nightly died, begun 30m", next, "  died "},
		},
		"failed": {
			func(w *statusWorld) {
				l := w.take("host:1:x", -2*time.Hour, -time.Hour)
				w.end(w.begin(l), l, "failed", "store s3://b can't be reached\x1b[2J")
			},
			[]string{"not read yet: the last run of nightly failed 1h5", " ago: store s3://b can't be reached\uFFFD[2J" + next, "  failed ", "1m30s"},
		},
		"interrupted": {
			func(w *statusWorld) {
				l := w.take("host:1:x", -2*time.Hour, -time.Hour)
				w.end(w.begin(l), l, "interrupted", "")
			},
			[]string{"not read yet: the last run of nightly was interrupted 1h5", next, "  interrupted "},
		},
		"went well": {
			func(w *statusWorld) {
				l := w.take("host:1:x", -2*time.Hour, -time.Hour)
				w.end(w.begin(l), l, "ok", "")
			},
			[]string{"not read yet: the next run of nightly is at 20", "  ok ", "1m30s"},
		},
		"only when asked for": {
			func(w *statusWorld) { w.config.Schedules[0].Cron = "" },
			[]string{"not read yet: nightly has never run; nightly runs when it is asked for: logstow run nightly", "  when asked for"},
		},
		"of another source": {
			func(w *statusWorld) { w.config.Schedules[0].Sources[0].Path = "/elsewhere" },
			[]string{"not read yet: no schedule reads this source\n"},
		},
		"the one that comes first": {
			func(w *statusWorld) {
				often := w.config.Schedules[0]
				often.Name, often.Cron = "often", "* * * * *"
				w.config.Schedules = append(w.config.Schedules, often)
			},
			[]string{"not read yet: often has never run; the next run of often is at 20"},
		},
		"a command that has no end": {
			func(w *statusWorld) {
				w.config.Schedules = nil
				_, err := w.ledger.StartRun(w.t.Context(), "archive", w.now.Add(-time.Hour))
				w.check(err)
			},
			[]string{"not read yet: the last run of logstow archive has no end recorded, begun 1h", "  no end recorded "},
		},
		"a command that failed": {
			func(w *statusWorld) {
				w.config.Schedules = nil
				r, err := w.ledger.StartRun(w.t.Context(), "archive", w.now.Add(-time.Hour))
				w.check(err)
				r.Ended, r.Outcome, r.Error = r.Started.Add(time.Minute), "failed", "denied"
				w.check(w.ledger.EndRun(w.t.Context(), r))
			},
			[]string{"not read yet: the last run of logstow archive failed 59m", " ago: denied; no schedule runs it\n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newStatusWorld(t)
			c.made(w)
			w.wantTold(c.want...)
			if got := w.told(); strings.Contains(got, "\x1b") || !strings.Contains(got, "job j\uFFFD[2J of user 5, ") || !strings.Contains(got, " (1d2h ago), /srv/logs/a at byte 0") {
				t.Errorf("the record is told as:\n%s", got)
			}
		})
	}
}

// A document that could never be compared is not safe, and may be the oldest.
func TestStatusUnverified(t *testing.T) {
	w := newStatusWorld(t)
	w.check(w.ledger.Commit(t.Context(), ledger.Batch{Documents: []ledger.Document{{
		Kind: "job", User: "9", Recipe: "7", Job: "old", Key: "k", Source: "/srv/old.ndjson", Time: w.now.Add(-48 * time.Hour),
	}}}))
	w.wantTold("not safe yet    1 record in the sources, 0 B; 1 unverified document\n",
		"job old of user 9, ", " (2d ago), /srv/old.ndjson\n", "why             unverified: the store may not be read\n")
}

// What can't be read has no time, and gives way to what has.
func TestStatusOfMissingSources(t *testing.T) {
	gone := missing("/gone", errors.New("no such place"))
	late := archive.Backlog{Source: "/a", Whole: true, Oldest: &archive.Unsafe{Job: "late", Time: time.Now(), Offset: -1}}
	for _, all := range [][]archive.Backlog{{gone, late}, {late, gone}} {
		k, err := gather(t.Context(), &config.Config{}, nil, lookout{all: all})
		if err != nil || k.oldest.Job != "late" {
			t.Errorf("the oldest of %+v is %+v, %v", all, k.oldest, err)
		}
	}
	k, err := gather(t.Context(), &config.Config{}, nil, lookout{all: []archive.Backlog{gone}})
	if err != nil || k.oldest == nil || k.json().Oldest.Offset != nil || k.json().Sources[0].Error != "no such place" {
		t.Errorf("only what can't be read: %+v, %v", k, err)
	}
}

func TestStateOf(t *testing.T) {
	now := time.Now()
	leases := byTask([]ledger.Lease{
		{Task: "held", Fence: 3, Until: now.Add(time.Minute)},
		{Task: "lapsed", Fence: 3, Until: now.Add(-time.Minute)},
		{Task: "back", Fence: 3},
	})
	for _, c := range []struct {
		run  ledger.Run
		want string
	}{
		{ledger.Run{Ended: now, Outcome: "partial", Task: "held", Fence: 3}, "partial"},
		{ledger.Run{Task: "held", Fence: 3}, runRunning},
		{ledger.Run{Task: "held", Fence: 2}, runDied},
		{ledger.Run{Task: "held", Fence: 4}, runRunning}, // begun after the leases were read
		{ledger.Run{Task: "lapsed", Fence: 3}, runDied},
		{ledger.Run{Task: "back", Fence: 3}, runDied},
		{ledger.Run{Task: "back", Fence: 4}, runRunning},
		{ledger.Run{Command: "adopt"}, runOpen},
	} {
		if got := stateOf(c.run, leases, now); got != c.want {
			t.Errorf("stateOf(%+v) = %q, want %q", c.run, got, c.want)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 12 * time.Millisecond: "12ms", 1549 * time.Millisecond: "1.5s", 59 * time.Second: "59s",
		90 * time.Second: "1m30s", 2 * time.Minute: "2m", 119*time.Minute + 40*time.Second: "2h", 26 * time.Hour: "1d2h", 48 * time.Hour: "2d",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestPrintRun(t *testing.T) {
	at := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		run  ledger.Run
		want string
	}{
		"a task's": {
			ledger.Run{
				ID: 7, Command: "check", Task: "nightly", Planned: at, Attempt: 2, Started: at, Ended: at.Add(time.Minute), Outcome: "failed",
				Error: "bad\x1b[2J", Summary: `{"documents":12345,"findings":{"missing":1,"x\u001b":"t\n"},"list":[1,2],"none":null}`,
			},
			`run              7
command          check
task             nightly
planned          2026-11-21 03:00:00 UTC
attempt          2
started          2026-11-21 03:00:00 UTC
ended            2026-11-21 03:01:00 UTC
took             1m
outcome          failed
error            bad�[2J
documents        12,345
findings missing 1
findings x�      t�
list             [1,2]
`,
		},
		"a command's": {
			ledger.Run{ID: 8, Command: "adopt", Started: at, Summary: `{"broken`},
			`run             8
command         adopt
started         2026-11-21 03:00:00 UTC
outcome         no end recorded
summary         {"broken
`,
		},
	} {
		var out bytes.Buffer
		if err := printRun(&out, c.run, nil, at); err != nil {
			t.Fatal(err)
		}
		if got := normal(out.String()); got != normal(c.want) {
			t.Errorf("%s is printed as\n%s\nwant\n%s", name, out.String(), c.want)
		}
	}
}

// normal is text with one space where there are more.
func normal(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	return b.String()
}
