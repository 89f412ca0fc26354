package config_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
	"logstow/scheduler"
)

// Mistakes come in the order of the file, whenever they are found.
func TestProblemsOfSchedulesAreInOrder(t *testing.T) {
	o := config.Options{File: write(t, `archive: {sources: [/a]}
schedules:
  - name: a
    task: archive
    sources: [/b]
    missed: once
    jitter: 1m
  - name: "-"
`), Flags: map[string]string{"serve.rate": "no"}}
	var got []string
	for line := range strings.Lines(problems(t, o)) {
		where, _, _ := strings.Cut(line, ": ")
		got = append(got, where)
	}
	if want := []string{"FILE:5", "FILE:6", "FILE:7", "FILE:8", "FILE:8", "--rate"}; !slices.Equal(got, want) {
		t.Errorf("problems are at %q, want %q", got, want)
	}
}

// Every mistake in schedules is told in one go, each with its own line.
func TestEveryProblemOfSchedulesIsTold(t *testing.T) {
	got := problems(t, config.Options{File: write(t, `schedules:
  - nam: a
    task: archive
    cron: "61 * * * *"
    zone: Mars/Base
    jitter: 25h
    timeout: -1s
    retries: -1
    backoff: soon
    missed: maybe
    missed_limit: 0
    sources: [/srv/c, /srv/a, /srv/a]
  - name: b
    task: arhive
    cron: 0 0 31 2 *
    export:
      period: year
  - name: b
    task: export
    cron: "@daily"
    cron: "@hourly"
    check: {deep: true}
  - name: d
    task: export
    export:
      format: csv
      level: warn
      kind: [job,
        jobs]
      recipe: []
      folder: reports
  - name: e
    task: check
    zone: UTC
    jitter: 1m
    retries: 2
    backoff: 1m
    missed: once
    check:
      deep: true
      sample: 2%
  - name: f
    task: sweep
    cron: "@hourly"
    backoff: 1m
    missed: once
    missed_limit: 5
    export: {}
  - f
archive:
  sources: [/srv/a, /srv/b]
`)})
	golden(t, "schedules.txt", got+"\n")
}

func TestSchedulesThatAreWrong(t *testing.T) {
	for text, want := range map[string]string{
		"schedules: daily\n":                                   "FILE:1: schedules: use a list",
		"schedules: {name: a}\n":                               "FILE:1: schedules: use a list",
		"schedules: [[a]]\n":                                   "FILE:1: schedules: a schedule is a mapping with some of name, task",
		"schedules:\n-\n":                                      "FILE:2: schedules: a schedule is a mapping",
		"schedules: &a [*a]\n":                                 "FILE:1: schedules: a schedule is a mapping",
		"schedules: [{}]\n":                                    "FILE:1: schedules: this schedule has no name\nFILE:1: schedules: this schedule has no task: archive,",
		"schedules: [{name: [a], task: sweep}]\n":              "FILE:1: schedules.name: use a plain value",
		"schedules: [{name: , task: sweep}]\n":                 "FILE:1: schedules.name: it has no value",
		"schedules: [{name: a, task: sweep, zone: UTC}]":       "FILE:1: schedules.zone: it needs cron",
		"schedules: [&a {name: a, task: sweep}, *a]\n":         `FILE:1: schedules.name: "a": another schedule has that name, at FILE:1`,
		"schedules:\n- cron: */15 * * * *\n":                   `FILE:2: not YAML: did not find expected alphabetic or numeric character; a value that begins with * or @ is written in quotes: "*/15 * * * *"`,
		"schedules:\n- {task: sweep, cron: @daily}\n":          `FILE:2: not YAML: found character that cannot start any token; a value that begins with * or @ is written in quotes`,
		"schedules:\n- name: a\n  task: archive\n":             `FILE:2: schedules: "a": it has nothing to archive: set archive.sources`,
		"schedules: [{name: a, task: archive, sources: /x}]\n": `FILE:1: schedules.sources: "/x": no such source; name it in archive.sources first`,
		"archive: {sources: ['-']}\nschedules: [{name: a, task: archive, cron: '@daily'}]\n": `FILE:2: schedules: "a": it reads standard input`,
		"schedules: [{name: a, task: export}]\n":                                             "FILE:1: schedules: \"a\": the task export needs export, with at least period and folder",
		"schedules: [{name: a, task: export, export: }]\n":                                   "FILE:1: schedules.export: this export has no period: hour, day, week, month\nFILE:1: schedules.export: this export has no folder: ",
		"schedules: [{name: a, task: export, export: day}]\n":                                "FILE:1: schedules.export: use a mapping with some of period, folder",
		"schedules: [{name: a, task: export, export: [day]}]\n":                              "FILE:1: schedules.export: use a mapping with some of period, folder",
		"schedules: [" + strings.Repeat("{},", 1001) + "]\n":                                 "FILE:1: schedules: there are 1001 of them: use at most 1000",
		"schedules: [{sources: [" + strings.Repeat("a,", 1001) + "]}]\n":                     "FILE:1: schedules.sources: it has 1001 items: use 1 to 1000",
	} {
		o := config.Options{File: write(t, text)}
		if got := problems(t, o); !strings.HasPrefix(got, want) {
			t.Errorf("Load of %.80q:\n got %s\nwant %s…", text, got, want)
		}
	}
	// Who asks for a run may give it something to read.
	load(t, config.Options{File: write(t, "archive: {sources: ['-']}\nschedules: [{name: a, task: archive}]\n")})
}

func TestScheduleValues(t *testing.T) {
	const duration = "use a duration such as 90s, 15m, 2h or 1d"
	for _, c := range []struct{ member, value, reason string }{
		{"name", "a.b_c-D9", ""},
		{"name", strings.Repeat("x", 64), ""},
		{"name", strings.Repeat("x", 65), "use 1 to 64 of"},
		{"name", "", "use 1 to 64 of"},
		{"name", "-a", "beginning with neither"},
		{"name", "..", "beginning with neither"},
		{"name", "a/b", "use 1 to 64 of"},
		{"name", "a b", "use 1 to 64 of"},
		{"name", "ä", "use 1 to 64 of"},
		{"name", "a\n", "use 1 to 64 of"},
		{"task", "retain", ""},
		{"task", "compact", ""},
		{"task", "erase", "no such task; use one of archive, export, sweep, check, compact, retain"},
		{"task", "Check", "did you mean check?"},
		{"cron", "", "it is empty"},
		{"cron", "30 0 2 * * *", ""},
		{"cron", "TZ=UTC 0 2 * * *", "set the zone beside it"},
		{"cron", "CRON_TZ=UTC 0 2 * * *", "set the zone beside it"},
		{"cron", "0 0 31 2 *", "it never comes"},
		{"cron", "@every 1ms", "@every wants whole seconds"},
		{"cron", "@reboot", "@reboot"},
		{"cron", strings.Repeat("1,", 300) + "1 * * * *", "longer than"},
		{"zone", "Asia/Kolkata", ""},
		{"zone", "", "use a name such as Europe/Berlin"},
		{"zone", "Local", "depends on the machine"},
		{"zone", "../../etc/localtime", "no such zone"},
		{"zone", "+02:00", "no such zone"},
		{"jitter", "0", ""},
		{"jitter", "24h", ""},
		{"jitter", "24h1ns", duration + ", from 0 to 1d"},
		{"jitter", "1d1s", duration},
		{"timeout", "1d12h30m", ""},
		{"timeout", "365d", ""},
		{"timeout", "365d1s", duration + ", from 0 to 365d"},
		{"timeout", "99999999999999999999d", duration},
		{"timeout", "65535d2562047h", duration},
		{"timeout", "-5s", duration},
		{"timeout", "-1d", duration},
		{"timeout", "1d-3h", duration},
		{"timeout", "1h2d", duration},
		{"timeout", "d", duration},
		{"timeout", "90", duration},
		{"timeout", "1.5d", duration},
		{"timeout", "NaNs", duration},
		{"timeout", "", duration},
		{"retries", "0", "backoff: it is the pause before a retry"},
		{"retries", "1", ""},
		{"retries", "1001", "use a number from 0 to 1000"},
		{"retries", "-1", "use a number from 0 to 1000"},
		{"retries", "many", "use a number from 0 to 1000"},
		{"backoff", "1d", ""},
		{"backoff", "0", duration + ", from more than 0 to 1d"},
		{"backoff", "25h", duration},
		{"missed", "once", "missed_limit: it is for missed: all"},
		{"missed", "Once", "use one of once, all, none"},
		{"missed_limit", "1", ""},
		{"missed_limit", "0", "use a number from 1 to 100000"},
		{"missed_limit", "100001", "use a number from 1 to 100000"},
	} {
		if got := loadMember(t, "sweep", c.member, c.value, ""); !explained(got, c.reason) {
			t.Errorf("%s %q: %q, want %q", c.member, c.value, got, c.reason)
		}
	}
}

func TestTaskValues(t *testing.T) {
	for _, c := range []struct{ member, value, reason string }{
		{"export.period", "hour", ""},
		{"export.period", "year", "use one of hour, day, week, month"},
		{"export.folder", "reports", "write an absolute path"},
		{"export.folder", "~/reports", "~ is not expanded"},
		{"export.folder", "", "use the path of a folder"},
		{"export.format", "NDJSON", "level: \"info\": it chooses lines, which the format ndjson doesn't have"},
		{"export.format", "pdf", "use one of json, text, ndjson, csv, zip"},
		{"export.level", "severe", ""},
		{"export.level", "loud", "use one of trace, debug, info, warn, error, fatal"},
		{"export.user", strings.Repeat("x", 256), "1 to 255 bytes"},
		{"export.recipe", "", "is empty"},
		{"export.recipe", strings.Repeat("x", 4097), "longer than 4096 bytes"},
		{"export.status", "", "is empty"},
		{"export.kind", "genie", ""},
		{"export.kind", "jobs", "use one of job, activity, log, genie"},
		{"check.deep", "yes", "use one of true, false"},
		{"check.sample", "0.01", ""},
		{"check.sample", "100%", ""},
		{"check.sample", "0", ""},
		{"check.sample", "101%", "use a percentage such as 1%"},
		{"check.sample", "1.01", "use a percentage such as 1%"},
		{"check.sample", "-1%", "use a percentage such as 1%"},
		{"check.sample", "NaN", "use a percentage such as 1%"},
		{"check.sample", "Inf%", "use a percentage such as 1%"},
		{"check.sample", "1e-3", "use a percentage such as 1%"},
		{"check.sample", "0x1p-2", "use a percentage such as 1%"},
		{"check.sample", "%", "use a percentage such as 1%"},
		{"check.sample", "1", "write 1%, or deep: true"},
	} {
		task, member, _ := strings.Cut(c.member, ".")
		if got := loadMember(t, task, member, c.value, task); !explained(got, c.reason) {
			t.Errorf("%s %q: %q, want %q", c.member, c.value, got, c.reason)
		}
	}
}

// explained tells whether a message has a reason, or there is none for either.
func explained(message, reason string) bool {
	return (message == "") == (reason == "") && strings.Contains(message, reason)
}

// loadMember loads a schedule that is right but for one member, below a group
// where that is not empty, and returns what is wrong with it. What is wrong
// stands in a line of its own.
func loadMember(t *testing.T, task, member, value, group string) string {
	t.Helper()
	members := map[string]string{
		"name": "x", "task": task, "cron": "@daily", "retries": "1", "backoff": "1m", "missed": "all", "missed_limit": "2",
	}
	inner := map[string]map[string]string{
		"export": {"period": "day", "folder": "/x", "format": "text", "level": "info"}, "check": {},
	}
	if group == "" {
		members[member] = value
	} else {
		inner[group][member] = value
	}
	var b strings.Builder
	b.WriteString("schedules:\n-\n")
	for _, name := range slices.Sorted(maps.Keys(members)) {
		fmt.Fprintf(&b, "  %s: %q\n", name, members[name])
	}
	if group != "" {
		fmt.Fprintf(&b, "  %s:\n", group)
		for _, name := range slices.Sorted(maps.Keys(inner[group])) {
			fmt.Fprintf(&b, "    %s: %q\n", name, inner[group][name])
		}
	}
	_, _, err := config.Load(config.Options{File: write(t, b.String())})
	if err == nil {
		return ""
	}
	return err.Error()
}

// What the scheduler would refuse is refused before, with its line.
func TestLimitsAreTheSchedulers(t *testing.T) {
	try := func(change func(*scheduler.Task)) error {
		task := scheduler.Task{Name: "x", Spec: "@daily", Do: func(context.Context, ledger.Run) (string, error) { return "", nil }}
		change(&task)
		_, err := scheduler.New(scheduler.Config{Ledger: noLedger{}, Tasks: []scheduler.Task{task}})
		return err
	}
	for _, c := range []struct {
		what  string
		set   func(*scheduler.Task, int)
		limit int
	}{
		{"retries", func(task *scheduler.Task, n int) { task.Retries = n }, 1000},
		{"missed_limit", func(task *scheduler.Task, n int) { task.MissedLimit = n }, 100_000},
	} {
		within := loadMember(t, "sweep", c.what, fmt.Sprint(c.limit), "")
		beyond := loadMember(t, "sweep", c.what, fmt.Sprint(c.limit+1), "")
		if err := try(func(task *scheduler.Task) { c.set(task, c.limit) }); err != nil || within != "" {
			t.Errorf("%s %d: the scheduler says %v, Load %q; want neither to object", c.what, c.limit, err, within)
		}
		if err := try(func(task *scheduler.Task) { c.set(task, c.limit+1) }); err == nil || beyond == "" {
			t.Errorf("%s %d: the scheduler says %v, Load %q; want both to object", c.what, c.limit+1, err, beyond)
		}
	}
}
