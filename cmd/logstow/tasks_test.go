package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store/dirstore"
	"logstow/cmd/internal/config"
	"logstow/export"
	"logstow/scheduler"
)

// taskWorld is what tasks of a daemon work with, and what they log.
type taskWorld struct {
	workplace
	app *app
	log *bytes.Buffer
	dir string
}

func newTaskWorld(t *testing.T, schedules ...config.Schedule) *taskWorld {
	t.Helper()
	w := &taskWorld{log: &bytes.Buffer{}, dir: t.TempDir()}
	w.app = &app{out: io.Discard, err: io.Discard, log: newLog(w.log, config.Log{Format: "json"})}
	var err error
	if w.store, err = dirstore.Open(filepath.Join(w.dir, "store")); err != nil {
		t.Fatal(err)
	}
	if w.ledger, err = ledger.Open(t.Context(), ledger.Config{Path: filepath.Join(w.dir, "ledger.db")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.ledger.Close(); err != nil {
			t.Error(err)
		}
	})
	w.config = &config.Config{Schedules: schedules}
	w.config.Archive.MaxFileSize = 1 << 20
	return w
}

// write writes a file and returns its path.
func (w *taskWorld) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs a task once.
func (w *taskWorld) run(t *testing.T, name string) (ledger.Run, error) {
	t.Helper()
	s, err := w.app.newScheduler(w.workplace)
	if err != nil {
		t.Fatal(err)
	}
	return s.RunNow(t.Context(), name)
}

const oneJob = `{"id":7,"account_id":1,"recipe_id":5,"status":"failed","completed_at":"2026-10-25T00:30:00Z","lines":[]}`

// A daemon's task logs what a command prints, each line with the run. What is
// left out makes it partial, which isn't tried again.
func TestArchiveTaskOfADaemon(t *testing.T) {
	w := newTaskWorld(t)
	var broken strings.Builder
	for range maxNotices + 5 {
		broken.WriteString(`{"nothing":1,"at":"` + strings.Repeat("x", broken.Len()%97) + `"}` + "\n")
	}
	path := w.write(t, "jobs.ndjson", oneJob+"\n"+broken.String())
	w.config.Schedules = []config.Schedule{{
		Name: "logs", Task: "archive", Cron: "@hourly", Retries: 3, Sources: []config.Source{{Path: path}},
	}}
	var did []report
	w.done = func(task string, what report) {
		if task != "logs" {
			t.Errorf("done is told of task %q", task)
		}
		did = append(did, what)
	}
	var ended []error
	w.ended = func(_ ledger.Run, failure error) { ended = append(ended, failure) }
	r, err := w.run(t, "logs")
	if !errors.Is(err, scheduler.ErrPartial) || statusOf(t.Context(), err) != exitPartial {
		t.Fatalf("run: %v; want it partial", err)
	}
	if r.Outcome != "partial" || r.Task != "logs" || len(ended) != 1 || !errors.Is(ended[0], scheduler.ErrPartial) {
		t.Errorf("the run is %+v, and %v was told", r, ended)
	}
	if len(did) != 1 || did[0].(archiveReport).Archived != 1 {
		t.Fatalf("%+v was done", did)
	}
	if text, err := json.Marshal(did[0]); err != nil || string(text) != r.Summary {
		t.Errorf("the summary is %s, want %s (%v)", r.Summary, text, err)
	}
	counts := map[string]int{}
	for line := range strings.Lines(w.log.String()) {
		var said struct {
			Msg   string `json:"msg"`
			Run   int64  `json:"run"`
			Count int    `json:"count"`
		}
		if err := json.Unmarshal([]byte(line), &said); err != nil || said.Run != r.ID {
			t.Errorf("a line doesn't say that it is of run %d: %s (%v)", r.ID, line, err)
		}
		counts[said.Msg] += max(1, said.Count)
	}
	if counts["not as usual"] != maxNotices || counts["more not as usual"] == 0 || counts["run started"] != 1 || counts["run ended"] != 1 {
		t.Errorf("lines of the log: %v", counts)
	}
	if runs, err := w.ledger.Runs(t.Context(), ledger.RunQuery{}); err != nil || len(runs) != 1 {
		t.Errorf("%d runs are on record (%v), want 1", len(runs), err)
	}
}

// A standing export is of the last whole period before the planned time, in the
// schedule's zone.
func TestExportTaskOfAPlannedTime(t *testing.T) {
	folder := t.TempDir()
	s := config.Schedule{
		Name: "failures", Task: "export", Cron: "@daily", Zone: "Europe/Berlin",
		Export: &config.StandingExport{Statuses: []string{"failed"}, Kinds: []string{"job"}, Format: "csv", Period: "hour", Folder: folder},
	}
	w := newTaskWorld(t, s)
	s2 := config.Schedule{Name: "logs", Task: "archive", Sources: []config.Source{{Path: w.write(t, "jobs.ndjson", oneJob)}}}
	w.config.Schedules = append(w.config.Schedules, s2)
	if _, err := w.run(t, "logs"); err != nil {
		t.Fatal(err)
	}
	do, err := w.app.exportTask(w.workplace, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		planned, name string
		jobs          int64
	}{
		{"2026-10-25T01:00:00Z", "failures-20261025T02+0200.csv", 1}, // the job is of 02:30, the first time
		{"2026-10-25T02:00:00Z", "failures-20261025T02+0100.csv", 0},
		{"2026-10-25T00:00:00Z", "failures-20261025T01.csv", 0},
	} {
		did, err := do(t.Context(), ledger.Run{Task: s.Name, Planned: timeOf(t, c.planned), Started: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		got := did.(exportReport)
		info, err := os.Stat(filepath.Join(folder, c.name))
		if err != nil || got.File != filepath.Join(folder, c.name) || got.Jobs != c.jobs || info.Mode() != 0o600 || info.Size() != got.Bytes {
			t.Errorf("planned for %s: %+v, %v (%v); want %s with %d jobs", c.planned, got, info, err, c.name, c.jobs)
		}
	}
	exports, err := w.ledger.Exports(t.Context(), ledger.ExportQuery{})
	if err != nil || len(exports) != 3 {
		t.Fatalf("%d exports (%v), want 3", len(exports), err)
	}
	for _, e := range exports {
		if e.State != ledger.ExportCancelled {
			t.Errorf("export %s is %s when the task has ended", e.ID, e.State)
		}
	}
}

// Who has lost the lease replaces no file and removes none.
func TestExportTaskThatWasFenced(t *testing.T) {
	folder := t.TempDir()
	s := config.Schedule{
		Name: "all", Task: "export", Export: &config.StandingExport{Format: "csv", Period: "day", Folder: folder},
	}
	w := newTaskWorld(t, s)
	now := time.Now()
	left := filepath.Join(folder, ".all-20261120.csv.7.part")
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	have, err := w.ledger.AcquireLease(t.Context(), ledger.Lease{Task: "all", Holder: "a", Since: now, Until: now.Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	ctx := ledger.WithFence(t.Context(), have)
	if err := w.ledger.ReleaseLease(t.Context(), have); err != nil {
		t.Fatal(err)
	}
	do, err := w.app.exportTask(w.workplace, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := do(ctx, ledger.Run{Task: s.Name, Started: now}); !errors.Is(err, ledger.ErrFenced) {
		t.Errorf("export: %v, want it fenced", err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 || entries[0].Name() != filepath.Base(left) {
		t.Errorf("the folder has %v (%v), want what was there", entries, err)
	}
}

// What no schedule can be run with is told before anything runs.
func TestSchedulesThatCantRun(t *testing.T) {
	for want, s := range map[string]config.Schedule{
		"config.yaml:7: schedule s: no source": {Name: "s", Task: "archive", Cron: "@daily", Where: "config.yaml:7"},
		`config.yaml:8: schedule s: period "year"`: {
			Name: "s", Task: "export", Where: "config.yaml:8",
			Export: &config.StandingExport{Format: "csv", Period: "year", Folder: "/"},
		},
		`config.yaml:9: schedule s: there is no task "pack"`: {Name: "s", Task: "pack", Where: "config.yaml:9"},
		"never":              {Name: "s", Task: "sweep", Cron: "0 0 31 2 *"},
		`zone "Mars/Phobos"`: {Name: "s", Task: "export", Zone: "Mars/Phobos", Export: &config.StandingExport{Format: "csv", Period: "day", Folder: "/"}},
	} {
		w := newTaskWorld(t, s)
		_, err := w.app.newScheduler(w.workplace)
		if err == nil || !strings.Contains(err.Error(), want) || statusOf(t.Context(), err) != exitUsage {
			t.Errorf("newScheduler: %v; want a mistake with %q", err, want)
		}
	}
}

// A check that found damage has failed, with status 4, and would fail again.
func TestReportedDamage(t *testing.T) {
	damage := fmt.Errorf("1 finding is damage: %w", export.ErrDamaged)
	text, err := reported(workplace{}, "check", func() (report, error) { return checkReport{}, damage })
	if text == "" || !errors.Is(err, scheduler.ErrFinal) || errors.Is(err, scheduler.ErrPartial) || err.Error() != damage.Error() {
		t.Errorf("reported = %q, %v", text, err)
	}
	if got := statusOf(t.Context(), err); got != exitDamage {
		t.Errorf("status %d, want %d", got, exitDamage)
	}
}
