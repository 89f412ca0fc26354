package ledger_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"logstow/archive/ledger"
)

// room lets a ledger grow by some pages and no further; negative: as it likes.
func room(t *testing.T, l *ledger.Ledger, pages int) {
	t.Helper()
	var most int
	query := "SELECT page_count FROM pragma_page_count"
	if pages < 0 {
		query = "SELECT 4294967294"
	}
	if err := l.Writer().QueryRowContext(t.Context(), query).Scan(&most); err != nil {
		t.Fatal(err)
	}
	if err := l.Writer().QueryRowContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", most+max(pages, 0))).Scan(&most); err != nil {
		t.Fatal(err)
	}
}

// TestFullDisk fills the disk under a ledger with commits, looks at what is
// there, and makes room again.
func TestFullDisk(t *testing.T) {
	path := newPath(t)
	l := open(t, path)
	had := acquire(t, l, "t", noon, time.Hour)
	run := startTask(t, l, had, noon, time.Time{})
	batch := func(n int) (b ledger.Batch) {
		for i := range 20 { // more than goes into one page
			d := job("u", fmt.Sprint(n, " ", i), "a")
			d.Title = strings.Repeat("x", ledger.MaxText)
			b.Documents = append(b.Documents, d)
		}
		b.Cursors = []ledger.Cursor{{Source: "s", Part: "p", Value: fmt.Sprint(n)}}
		return b
	}
	room(t, l, 50)
	n, err := 0, error(nil)
	for ; err == nil; n++ {
		err = l.Commit(t.Context(), batch(n))
	}
	n-- // the last was refused
	if !errors.Is(err, ledger.ErrFull) || !errors.Is(err, syscall.ENOSPC) || n == 0 {
		t.Fatalf("Commit %d on a full disk = %v, want ErrFull", n, err)
	}
	for _, want := range []string{"ledger " + path, "no space left", "make room"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %q, want it to say %q", err, want)
		}
	}
	check := func(l *ledger.Ledger, commits int) {
		t.Helper()
		cursors, err := l.Cursors(t.Context(), "s")
		if got := all(t, l.Documents(t.Context(), ledger.Query{})); len(got) != 20*commits || err != nil || cursors["p"] != fmt.Sprint(commits-1) {
			t.Errorf("%d documents and the cursor %q, %v, after %d commits of 20", len(got), cursors["p"], err, commits)
		}
		counts, err := l.Counts(t.Context())
		if err != nil || counts.Documents != int64(20*commits) {
			t.Errorf("Counts = %+v, %v after %d commits of 20", counts, err, commits)
		}
	}
	check(l, n)
	check(openWith(t, ledger.Config{Path: path, ReadOnly: true}), n)

	room(t, l, -1)
	for ; n < 30; n++ { // from the one that was refused
		if err := l.Commit(t.Context(), batch(n)); err != nil {
			t.Fatalf("Commit with room again: %v", err)
		}
	}
	check(l, n)
	run.Ended, run.Outcome, run.Summary = noon, "ok", "{}"
	if err := errors.Join(l.EndRun(t.Context(), run), l.ReleaseLease(t.Context(), had)); err != nil {
		t.Errorf("EndRun and ReleaseLease with room again: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, path)
	check(l, n)
	var sound string
	if err := l.Writer().QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&sound); err != nil || sound != "ok" {
		t.Errorf("integrity check: %s, %v", sound, err)
	}
}
