package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"logstow/archive"
	"logstow/archive/ledger"
)

// serveStatus is how a server is, in the one line that a service manager shows.
// It is safe for concurrent use.
type serveStatus struct {
	tell func(ctx context.Context, line string)

	mu    sync.Mutex // guards what follows
	runs  string     // what is run
	last  string     // how the last run of a task ended
	safe  string     // what is known of records that aren't safe
	cause string     // why it is about to end
}

// serves takes what the server runs.
func (s *serveStatus) serves(ctx context.Context, what []string) {
	s.change(ctx, func() { s.runs = strings.Join(what, "; ") })
}

// ran takes a run of a task that has ended.
func (s *serveStatus) ran(ctx context.Context, r ledger.Run) {
	s.change(ctx, func() { s.last = fmt.Sprintf("%s at %s: %s", r.Task, r.Ended.UTC().Format(time.TimeOnly), r.Outcome) })
}

// looked takes what isn't safe yet.
func (s *serveStatus) looked(ctx context.Context, found []archive.Backlog) {
	s.change(ctx, func() { s.safe = unsafeLine(found) })
}

// stops says that the server is about to end.
func (s *serveStatus) stops(ctx context.Context) {
	s.change(ctx, func() { s.cause = "stopping" })
}

func (s *serveStatus) change(ctx context.Context, change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	var line []string
	for _, piece := range []string{s.cause, s.runs, s.last, s.safe} {
		if piece != "" {
			line = append(line, piece)
		}
	}
	s.tell(ctx, strings.Join(line, "; "))
}

// unsafeLine says which record is the oldest that isn't safe yet, and why.
func unsafeLine(found []archive.Backlog) string {
	var oldest *archive.Unsafe
	unreadable := int64(0)
	for _, b := range found {
		if b.Err != nil {
			unreadable++
		}
		oldest = archive.Older(oldest, b.Oldest)
	}
	line := "everything that was looked at is safe"
	if oldest != nil {
		since := ""
		if !oldest.Time.IsZero() {
			since = " since " + oldest.Time.UTC().Format(time.RFC3339)
		}
		line = fmt.Sprintf("not safe%s: %s (%s)", since, nameOf(oldest), oldest.Reason)
	}
	if unreadable > 0 {
		line += fmt.Sprintf("; %s can't be read", counted(unreadable, "source"))
	}
	return line
}

// nameOf is what people call a record: its job, or where it stands.
func nameOf(u *archive.Unsafe) string {
	switch {
	case u.Job != "":
		return "job " + u.Job
	case u.Offset >= 0:
		return fmt.Sprintf("%s at byte %d", u.Part, u.Offset)
	default:
		return cmp.Or(u.Part, u.Source)
	}
}
