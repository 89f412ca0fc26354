package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// busy tells whether a reader was told that the ledger is in use, as it may be while
// another is paused.
func busy(s ending) bool {
	return s.status == int(exitUnavailable) && strings.Contains(s.stderr, "in use by another process")
}

// cat reads a job, and the full record of it.
func (w *movedWorld) cat() {
	j := w.pick(func(*movedJob) bool { return true })
	if j == nil {
		return
	}
	args := []string{"cat", j.id}
	if j.full {
		args = append(args, "--full")
	}
	before := w.now(j)
	s := w.run(args...)
	w.reads(before, w.now(j), s.status, s.stdout, s.stderr, busy(s))
}

// reads requires that what was read of a job is what it was or is by now.
func (w *movedWorld) reads(before, after movedJob, status int, got, stderr string, excused bool) {
	stays := before.stays() && after.stays() && before.hold == after.hold
	switch {
	case status == 0 && before.erased:
		w.t.Errorf("%s is read although it was erased", before.id)
	case status == 0 && !after.is(got):
		w.t.Errorf("%s has other content: %.300s", before.id, got)
	case status == int(exitNotFound) && !stays, status == 0, excused:
	default:
		w.t.Errorf("read %s of recipe %d (hold %q, removed: %v): status %d: %s", before.id, before.recipe, before.hold, !stays, status, stderr)
	}
}

// fetch reads a job over HTTP, as far as the server is there.
func (w *movedWorld) fetch() {
	j := w.pick(func(j *movedJob) bool { return !j.full })
	if j == nil {
		return
	}
	w.mu.Lock()
	at := servesAt.FindStringSubmatch(w.server.stderr.String())[1]
	w.mu.Unlock()
	time.Sleep(10 * time.Millisecond) // a server has other things to do
	before := w.now(j)
	client := http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get(at + "/v1/jobs/" + url.PathEscape(j.id) + "/document")
	if err != nil {
		w.counted("fetch without an answer")
		time.Sleep(50 * time.Millisecond)
		return
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		w.counted("fetch without an end")
		return
	}
	statuses := map[int]int{http.StatusOK: 0, http.StatusNotFound: int(exitNotFound)}
	status, ok := statuses[resp.StatusCode]
	if !ok {
		status = resp.StatusCode
	}
	w.reads(before, w.now(j), status, string(got), string(got), resp.StatusCode == http.StatusServiceUnavailable)
}

// export reads what is kept, and requires that all of it is there.
func (w *movedWorld) export() {
	must := map[string]bool{}
	w.mu.Lock()
	for _, j := range w.jobs {
		if j.archived && j.recipe == recipeKept {
			must[j.id] = true
		}
	}
	w.mu.Unlock()
	file := filepath.Join(w.dir, "out", "export.ndjson")
	s := w.run("export", "--recipe", "1", "--format", "ndjson", "--output", file, "--force")
	if s.status != 0 {
		if !busy(s) {
			w.t.Errorf("export: status %d: %s", s.status, s.stderr)
		}
		return
	}
	text, err := os.ReadFile(file)
	if err != nil {
		w.t.Error(err)
		return
	}
	for line := range strings.Lines(string(text)) {
		var d struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			w.t.Errorf("export: %v: %.300s", err, line)
			return
		}
		delete(must, d.ID)
	}
	if len(must) > 0 {
		w.t.Errorf("%d jobs are not in an export: %v", len(must), must)
	}
}
