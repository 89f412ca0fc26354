package config_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/cmd/internal/config"
)

const allSchedules = `
schedules:
  - name: archive_2.b
    task: archive
    cron: "*/15 * * * *"
    zone: Europe/Berlin
    jitter: 1d
    timeout: 1d12h
    retries: 1000
    backoff: 90s
    missed: all
    missed_limit: 100000
    sources:
      - /srv/b
  - name: failures
    task: export
    zone: America/New_York
    export:
      period: week
      folder: /srv/reports
      format: JSON
      level: Warning
      user: acme
      recipe: [r1, "r,2"]
      status: failed
      kind: [job, log]
  - {name: table, task: export, cron: "@every 90s", export: {period: month, folder: /srv/reports, format: csv}}
  - {name: check, task: check, cron: "0 3 * * sun", missed: none, check: {sample: 1%}}
  - {name: deep, task: check, check: {deep: true}, timeout: 0}
  - {name: sweep, task: sweep, cron: " 0\t* *\n* * "}
  - {name: rest, task: archive}
archive:
  sources: [/srv/a, {path: /srv/b, user: two}]
  user: one
`

func TestSchedules(t *testing.T) {
	path := write(t, allSchedules)
	c, _ := load(t, config.Options{File: path})
	a, b := config.Source{Path: "/srv/a", User: "one"}, config.Source{Path: "/srv/b", User: "two"}
	want := []config.Schedule{
		{
			Name: "archive_2.b", Task: "archive", Cron: "*/15 * * * *", Zone: "Europe/Berlin",
			Jitter: 24 * time.Hour, Timeout: 36 * time.Hour, Retries: 1000, Backoff: 90 * time.Second,
			Missed: "all", MissedLimit: 100_000, Sources: []config.Source{b}, Where: path + ":3",
		},
		{
			Name: "failures", Task: "export", Zone: "America/New_York", Where: path + ":15",
			Export: &config.StandingExport{
				User: "acme", Recipes: []string{"r1", "r,2"}, Statuses: []string{"failed"}, Kinds: []string{"job", "log"},
				Level: "warn", Format: "json", Period: "week", Folder: "/srv/reports",
			},
		},
		{
			Name: "table", Task: "export", Cron: "@every 90s", Where: path + ":27",
			Export: &config.StandingExport{Format: "csv", Period: "month", Folder: "/srv/reports"},
		},
		{
			Name: "check", Task: "check", Cron: "0 3 * * sun", Missed: "none",
			Check: config.CheckOptions{Sample: 0.01}, Where: path + ":28",
		},
		{Name: "deep", Task: "check", Check: config.CheckOptions{Deep: true}, Where: path + ":29"},
		{Name: "sweep", Task: "sweep", Cron: "0 * * * *", Where: path + ":30"},
		{Name: "rest", Task: "archive", Sources: []config.Source{a, b}, Where: path + ":31"},
	}
	if diff := cmp.Diff(want, c.Schedules); diff != "" {
		t.Errorf("schedules (-want +got):\n%s", diff)
	}
}

// Where nothing is said of the format, it is that of the command export.
func TestScheduleDefaults(t *testing.T) {
	for _, text := range []string{"schedules:\n", "schedules: []\n", "schedules:\n  # - name: x\n"} {
		if c, _ := load(t, config.Options{File: write(t, text)}); c.Schedules != nil {
			t.Errorf("Load of %q has the schedules %+v, want none", text, c.Schedules)
		}
	}
	c, _ := load(t, config.Options{File: write(t, `schedules: [
  {name: e, task: export, export: {period: day, folder: /x}}, {name: c, task: check, check: }]`)})
	if got := c.Schedules[0].Export.Format; got != "text" {
		t.Errorf("the format of an export is %q by default, want text", got)
	}
}

// The sources of schedules are those in force, whichever way they got there.
func TestSourcesOfSchedules(t *testing.T) {
	o := config.Options{
		File: write(t, "schedules: [{name: all, task: archive}]\narchive: {sources: [/a]}\n"),
		Env:  []string{"LOGSTOW_ARCHIVE_SOURCES=/b,/c"}, Flags: map[string]string{"archive.user": "u"},
	}
	c, _ := load(t, o)
	want := []config.Source{{Path: "/b", User: "u"}, {Path: "/c", User: "u"}}
	if diff := cmp.Diff(want, c.Schedules[0].Sources); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	o.File = write(t, "archive: {sources: [/a]}\nschedules:\n- name: one\n  task: archive\n  sources: [/a]\n")
	got, prefix := problems(t, o), "FILE:5: schedules.sources: \"/a\": no such source; use one of /b, /c (archive.sources, LOGSTOW_ARCHIVE_SOURCES)"
	if got != prefix {
		t.Errorf("Load: %s, want %s", got, prefix)
	}
}

func TestParts(t *testing.T) {
	o := config.Options{File: write(t, "serve: {parts: [api, scheduler]}\n")}
	check := func(want config.Parts) {
		t.Helper()
		if c, origins := load(t, o); c.Serve.Parts != want {
			t.Errorf("parts are %+v from %s, want %+v", c.Serve.Parts, origins["serve.parts"].From, want)
		}
	}
	check(config.Parts{API: true, Scheduler: true})
	o.Env = []string{"LOGSTOW_SERVE_PARTS=workers, scheduler"}
	check(config.Parts{Workers: true, Scheduler: true})
	o.Flags = map[string]string{"serve.parts": "api"}
	check(config.Parts{API: true})
}

// A plan is in each schedule's zone, and shows what spring and autumn do.
func TestPlan(t *testing.T) {
	const text = `schedules:
- {name: night, task: sweep, cron: "30 2 * * *", zone: Europe/Berlin}
- {name: hourly, task: sweep, cron: "@hourly", zone: Europe/Berlin}
- {name: utc, task: check, cron: "0 3 * * sun"}
- {name: asked, task: sweep}
`
	c, _ := load(t, config.Options{File: write(t, text)})
	for after, want := range map[string]string{
		"2027-03-27T22:30:00Z": `
night   2027-03-28T03:00:00+02:00  2027-03-29T02:30:00+02:00  2027-03-30T02:30:00+02:00
hourly  2027-03-28T00:00:00+01:00  2027-03-28T01:00:00+01:00  2027-03-28T03:00:00+02:00
utc     2027-03-28T03:00:00Z       2027-04-04T03:00:00Z       2027-04-11T03:00:00Z
asked   only when asked for: logstow run asked
`,
		"2026-10-24T23:30:00Z": `
night   2026-10-25T02:30:00+02:00  2026-10-26T02:30:00+01:00  2026-10-27T02:30:00+01:00
hourly  2026-10-25T02:00:00+02:00  2026-10-25T02:00:00+01:00  2026-10-25T03:00:00+01:00
utc     2026-10-25T03:00:00Z       2026-11-01T03:00:00Z       2026-11-08T03:00:00Z
asked   only when asked for: logstow run asked
`,
	} {
		at, err := time.Parse(time.RFC3339, after)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := c.Plan(at, 3)
		if err != nil {
			t.Fatalf("Plan after %s: %v", after, err)
		}
		var b strings.Builder
		if err := plan.Write(&b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), b.String()); diff != "" {
			t.Errorf("Plan after %s (-want +got):\n%s", after, diff)
		}
	}
}

func TestPlanWithoutSchedules(t *testing.T) {
	c, _ := load(t, config.Options{File: os.DevNull})
	var b strings.Builder
	plan, err := c.Plan(time.Now(), 3)
	if err != nil || len(plan) != 0 || plan.Write(&b) != nil || b.String() != "" {
		t.Errorf("Plan = %v, %v, written %q; want nothing", plan, err, b.String())
	}
}
