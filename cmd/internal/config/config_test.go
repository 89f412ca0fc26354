package config_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/compact"
	"logstow/archive/retain"
	"logstow/cmd/internal/config"
	"logstow/layout/jobfile"
)

const day = 24 * time.Hour

// write makes a configuration file and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// load reads options that must be right.
func load(t *testing.T, o config.Options) (*config.Config, map[string]config.Origin) {
	t.Helper()
	c, provenance, err := config.Load(o)
	if err != nil {
		t.Fatalf("Load(%+v): %v", o, err)
	}
	origins := map[string]config.Origin{}
	for _, p := range provenance {
		origins[p.Key] = p
	}
	return c, origins
}

// problems reads options that must be wrong, and returns one problem a line,
// with "FILE" in place of the file's path.
func problems(t *testing.T, o config.Options) string {
	t.Helper()
	c, _, err := config.Load(o)
	if c != nil {
		t.Errorf("Load(%+v) = %+v beside the error %v", o, c, err)
	}
	var e *config.Error
	if !errors.As(err, &e) {
		t.Fatalf("Load(%+v): error %v (%T), want a *config.Error", o, err, err)
	}
	if o.File == "" {
		return err.Error()
	}
	return strings.ReplaceAll(err.Error(), o.File, "FILE")
}

const everything = `
# All keys.
store: s3://bucket/prefix?region=eu-central-1
ledger: /var/lib/logstow/ledger.db
log:
  level: debug
  format: json
archive:
  sources:
    - /srv/logs/*.ndjson
    - path: /srv/pipelines
      user: 0042
      fields:
        recipe_id: pipeline
        job_id: run.id
        completed_at: end
    - path: "-"
      user: acme
  user: workspace
  concurrency: 128
  detail: deduplicated
  overflow: drop
  types: [job, activity]
  max_file_size: 38MiB
  fields:
    recipe_id: flow
    job_id: id
    started_at: begun
    lines: steps
serve:
  parts: [workers, api]
  listen: "[::1]:8080"
  url: https://logs.example.com/
  no_auth: true
  export_workers: 5
  talend_limit: 100_000
  rate: none
schedules:
  - name: archive
    task: archive
    cron: "*/15 * * * *"
    sources: [/srv/logs/*.ndjson, /srv/pipelines]
compact:
  after: 45d
  grace: 36h
retain:
  grace: 14d
  policies:
    - name: failures
      match: {status: [failed, Stopped], user: 0042, kind: job}
      compact_after: never
      expire_after: 13w
    - name: audited
      match: {recipe: ["7", "a|b"]}
      keep_at_least: 7y
    - name: all
      compact_after: 1d
      expire_after: 10y
`

func TestFileHoldsEveryKey(t *testing.T) {
	path := write(t, everything)
	got, _ := load(t, config.Options{File: path})
	fields := &jobfile.Fields{RecipeID: "flow", JobID: "id", StartedAt: "begun", Lines: "steps"}
	want := &config.Config{
		Store:  "s3://bucket/prefix?region=eu-central-1",
		Ledger: "/var/lib/logstow/ledger.db",
		Log:    config.Log{Level: slog.LevelDebug, Format: "json"},
		Archive: config.Archive{
			Sources: []config.Source{
				{Path: "/srv/logs/*.ndjson", User: "workspace", Fields: fields},
				{Path: "/srv/pipelines", User: "0042", Fields: &jobfile.Fields{RecipeID: "pipeline", JobID: "run.id", CompletedAt: "end"}},
				{Path: "-", User: "acme", Fields: fields},
			},
			User:        "workspace",
			Concurrency: 128,
			Detail:      jobfile.Deduplicated,
			Overflow:    "drop",
			Types:       []jobfile.Kind{jobfile.Job, jobfile.Activity},
			MaxFileSize: 38 << 20,
			Fields:      fields,
		},
		Serve: config.Serve{
			Parts:  config.Parts{API: true, Workers: true},
			Listen: "[::1]:8080", URL: "https://logs.example.com", NoAuth: true,
			ExportWorkers: 5, TalendLimit: 100_000, Rate: -1,
		},
		Compact: config.Compact{After: retain.Wait{For: 45 * day}, Grace: 36 * time.Hour},
		Retain: config.Retain{Grace: 14 * day, Policies: retain.Policies{
			{
				Name:         "failures",
				Match:        retain.Match{Users: []string{"0042"}, Statuses: []string{"failed", "Stopped"}, Kinds: []string{"job"}},
				CompactAfter: &retain.Wait{Never: true}, ExpireAfter: retain.Period{Days: 91},
			},
			{Name: "audited", Match: retain.Match{Recipes: []string{"7", "a|b"}}, KeepAtLeast: retain.Period{Years: 7}},
			{Name: "all", CompactAfter: &retain.Wait{For: day}, ExpireAfter: retain.Period{Years: 10}},
		}},
	}
	want.Schedules = []config.Schedule{{
		Name: "archive", Task: "archive", Cron: "*/15 * * * *", Sources: want.Archive.Sources[:2], Where: path + ":39",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Load (-want +got):\n%s", diff)
	}
}

func TestDefaults(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "archive:\n  # user: x\nlog:\n"} {
		got, _ := load(t, config.Options{File: write(t, text)})
		want := &config.Config{
			Log:     config.Log{Level: slog.LevelWarn, Format: "text"},
			Archive: config.Archive{Detail: jobfile.Full, Overflow: "keep", MaxFileSize: jobfile.MaxSize},
			Serve:   config.Serve{Parts: config.Parts{API: true, Scheduler: true, Workers: true}, Listen: "127.0.0.1:8333", ExportWorkers: 2, Rate: 600},
			Compact: config.Compact{After: retain.Wait{For: compact.DefaultAfter}, Grace: compact.DefaultGrace},
			Retain:  config.Retain{Grace: retain.DefaultGrace},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Load of %q (-want +got):\n%s", text, diff)
		}
	}
}

func TestPrecedence(t *testing.T) {
	o := config.Options{File: write(t, "archive:\n  detail: status\n")}
	check := func(wantDetail jobfile.Detail, wantFrom string) {
		t.Helper()
		c, origins := load(t, o)
		from := strings.ReplaceAll(origins["archive.detail"].From, o.File, "FILE")
		if c.Archive.Detail != wantDetail || from != wantFrom {
			t.Errorf("detail is %q from %q, want %q from %q", c.Archive.Detail, from, wantDetail, wantFrom)
		}
	}
	check(jobfile.StatusOnly, "FILE:2")
	o.Env = []string{"LOGSTOW_ARCHIVE_DETAIL="}
	check(jobfile.StatusOnly, "FILE:2")
	o.Env = []string{"LOGSTOW_ARCHIVE_DETAIL=status", "LOGSTOW_ARCHIVE_DETAIL=deduplicated"}
	check(jobfile.Deduplicated, "LOGSTOW_ARCHIVE_DETAIL")
	o.Flags = map[string]string{"archive.detail": "full"}
	check(jobfile.Full, "--detail")
}

// A list that comes later replaces the one before, it doesn't add to it.
func TestListsReplace(t *testing.T) {
	o := config.Options{
		File: write(t, "archive:\n  types: [job, log]\n  sources: [/a, /b]\n"),
		Env:  []string{"LOGSTOW_ARCHIVE_TYPES=genie, activity", "LOGSTOW_ARCHIVE_SOURCES=logs,-"},
	}
	c, _ := load(t, o)
	if diff := cmp.Diff([]jobfile.Kind{jobfile.Genie, jobfile.Activity}, c.Archive.Types); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]config.Source{{Path: "logs"}, {Path: "-"}}, c.Archive.Sources); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
}

// Everybody's records under one tenant: the flag outdoes what the file says of
// single sources, the environment does not.
func TestUserOfSources(t *testing.T) {
	o := config.Options{
		File: write(t, "archive:\n  sources: [{path: /a, user: one}, /b]\n"),
		Env:  []string{"LOGSTOW_ARCHIVE_USER=env"},
	}
	c, _ := load(t, o)
	if got := c.Archive.Sources[0].User + " " + c.Archive.Sources[1].User; got != "one env" {
		t.Errorf("with the environment the users are %q, want %q", got, "one env")
	}
	o.Flags = map[string]string{"archive.user": "flag"}
	c, _ = load(t, o)
	if got := c.Archive.Sources[0].User + " " + c.Archive.Sources[1].User; got != "flag flag" {
		t.Errorf("with the flag the users are %q, want %q", got, "flag flag")
	}
}

func TestShow(t *testing.T) {
	o := config.Options{
		File:  write(t, everything),
		Env:   []string{"LOGSTOW_LOG_LEVEL=error", "LOGSTOW_ARCHIVE_FIELDS_STATUS=state", "HOME=/home/ops"},
		Flags: map[string]string{"store": "file:///tank/logs", "archive.concurrency": "7"},
	}
	_, provenance, err := config.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := provenance.Write(&b); err != nil {
		t.Fatal(err)
	}
	got := strings.ReplaceAll(b.String(), o.File, "FILE")
	golden(t, "show.txt", got)
}

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("testdata/%s (-want +got):\n%s", name, diff)
	}
}
