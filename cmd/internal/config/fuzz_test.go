package config_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/cmd/internal/config"
	"logstow/scheduler"
)

// wantRunnable sees to it that a scheduler takes every schedule.
func wantRunnable(t *testing.T, c *config.Config) {
	t.Helper()
	if c.Serve.Parts == (config.Parts{}) {
		t.Error("a server would run nothing")
	}
	plan, err := c.Plan(time.Now(), 1)
	if err != nil || len(plan) != len(c.Schedules) {
		t.Fatalf("Plan of %+v: %v, %v", c.Schedules, plan, err)
	}
	var tasks []scheduler.Task
	for i, s := range c.Schedules {
		if (s.Task == "export") != (s.Export != nil) || (s.Task == "archive") != (len(s.Sources) > 0) ||
			s.Check.Sample < 0 || s.Check.Sample > 1 || (s.Cron == "") != (len(plan[i].Next) == 0) {
			t.Errorf("schedule %+v, next %v", s, plan[i].Next)
		}
		task := scheduler.Task{
			Name: s.Name, Spec: s.Cron, Zone: s.Zone, Manual: s.Cron == "",
			Jitter: s.Jitter, Timeout: s.Timeout, Retries: s.Retries, Backoff: s.Backoff,
			Missed: scheduler.Missed(s.Missed), MissedLimit: s.MissedLimit,
			Do: func(context.Context, ledger.Run) (string, error) { return "", nil },
		}
		if task.Manual {
			task.Zone = "" // an export's period has one
		}
		tasks = append(tasks, task)
	}
	if len(tasks) == 0 {
		return
	}
	if _, err := scheduler.New(scheduler.Config{Ledger: noLedger{}, Tasks: tasks}); err != nil {
		t.Errorf("New with %+v: %v", c.Schedules, err)
	}
}

// wantSensible sees to it that nothing is wrong with policies.
func wantSensible(t *testing.T, p retain.Policies) {
	t.Helper()
	p.Check(func(i int, what string) { t.Errorf("policy %+v: %s", p[i], what) })
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// noLedger is for schedulers that never run anything.
type noLedger struct{ scheduler.Ledger }

// Whatever the file holds, Load gives a valid configuration or says where it
// is wrong.
func FuzzFile(f *testing.F) {
	f.Add(everything)
	f.Add("archive: &a {sources: [*a, - x], <<: *a}\n")
	f.Add("? {a: b}\n: [c]\n---\n...\n")
	f.Add("archive: {types: [job, [log]], fields: {user_id: a..b}}")
	f.Add(allSchedules)
	f.Add("schedules: &a [{name: x, task: export, export: &e {recipe: *a, kind: [*e]}}, *a, ]\n")
	f.Add("schedules: [{name: x, task: sweep, zone: \"a\\nb\", cron: \"1\\e[2J * * * *\"}]\n")
	f.Add("archive: {sources: [\"/a\\nb\"]}\nschedules: [{task: archive, sources: [/a]}]\n")
	f.Add("schedules:\n- cron: */5 * * * *\n")
	f.Add("schedules: [{name: a, task: sweep, cron: '0 0 29 2 *', zone: Asia/Tokyo, jitter: 1d}]\nserve: {parts: [api]}\n")
	f.Add("retain: {grace: 1d, policies: [{name: a, match: {user: [b, '']}, expire_after: 1d}, {name: a, compact_after: never, keep_at_least: 2y}]}\n")
	f.Add("compact: {after: never}\nretain: &a {policies: [*a, {match: *a}, {name: \"a\\nb\"}]}\n")
	path := filepath.Join(f.TempDir(), "config.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, provenance, err := config.Load(config.Options{File: path})
		if err == nil {
			if len(provenance) == 0 || c.Archive.MaxFileSize < 1 || c.Archive.Detail == "" || c.Log.Format == "" {
				t.Errorf("Load gave %+v from %v", c, provenance)
			}
			wantRunnable(t, c)
			wantSensible(t, c.Retain.Policies)
			return
		}
		var e *config.Error
		if !errors.As(err, &e) || len(e.Problems) == 0 {
			t.Fatalf("Load: %v (%T), want a *config.Error with problems", err, err)
		}
		for _, p := range e.Problems {
			if !strings.HasPrefix(p.Where, path+":") || p.Reason == "" || strings.ContainsFunc(p.String(), unprintable) {
				t.Errorf("problem %+v says %q", p, p)
			}
		}
	})
}
