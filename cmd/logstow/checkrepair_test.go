package main

import (
	"database/sql"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// With a damaged index of jobs nothing is archived or looked up; check --repair
// makes it anew from the rows.
func TestRepairMakesTheIndexOfJobsAnew(t *testing.T) {
	w := newServeWorld(t, "")
	w.add("1")
	w.add("2")
	run := func(status int, args ...string) string {
		t.Helper()
		cmd := exec.Command("logstow", append(args, "--config", w.config)...)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != status {
			t.Fatalf("logstow %s: %v, want status %d:\n%s", strings.Join(args, " "), err, status, out)
		}
		return string(out)
	}
	run(0, "archive")
	db, err := sql.Open("sqlite", filepath.Join(w.dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "UPDATE job_buckets SET entries = x'00'; UPDATE job_filters SET filter = x'00'"); err != nil {
		t.Fatal(err)
	}
	w.add("3")
	if out := run(1, "archive"); !strings.Contains(out, "rebuild it with logstow check --repair") {
		t.Errorf("archive doesn't say what to do:\n%s", out)
	}
	if out := run(1, "check", "--repair", "--dry-run"); !strings.Contains(out, "would be reindexed") {
		t.Errorf("check --repair --dry-run doesn't say what it would do:\n%s", out)
	}
	if out := run(0, "check", "--repair"); !strings.Contains(out, "logstow: reindexed") {
		t.Errorf("check --repair doesn't say what it did:\n%s", out)
	}
	run(0, "archive")
	for _, job := range []string{"1", "2", "3"} {
		if !w.has(job) {
			t.Errorf("job %s isn't there", job)
		}
	}
	run(0, "check")
}
