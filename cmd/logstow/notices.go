package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"logstow/archive"
	"logstow/cmd/internal/term"
)

// maxNotices is how many notices of one kind are printed.
const maxNotices = 100

// notices names what did not go as usual, on stderr or in the log. Its methods
// must not be called concurrently.
type notices struct {
	counts map[string]int // by what happened
	one    func(archive.Notice)
	more   func(what string, n int)
}

// newNotices returns notices for people.
func newNotices(w io.Writer) *notices {
	return &notices{
		counts: map[string]int{},
		one: func(n archive.Notice) {
			fmt.Fprintln(w, "logstow: "+term.Printable(strings.TrimSpace(n.What+" "+subject(n))+": "+n.Reason))
		},
		more: func(what string, n int) {
			if what == "quarantined" {
				what += ": see logstow quarantine ls"
			}
			fmt.Fprintf(w, "logstow: and %d more %s\n", n, what)
		},
	}
}

// newLoggedNotices returns notices that go to the log of what ctx is of.
func newLoggedNotices(ctx context.Context, log *slog.Logger) *notices {
	return &notices{
		counts: map[string]int{},
		one: func(n archive.Notice) {
			log.WarnContext(ctx, "not as usual", "what", n.What, "where", subject(n), "reason", n.Reason)
		},
		more: func(what string, n int) {
			log.WarnContext(ctx, "more not as usual", "what", what, "count", n)
		},
	}
}

// add tells one notice, unless there were many of its kind.
func (n *notices) add(notice archive.Notice) {
	n.counts[notice.What]++
	if n.counts[notice.What] <= maxNotices {
		n.one(notice)
	}
}

// subject says what a notice is about: a place in a file, a key, or both.
func subject(n archive.Notice) string {
	where := n.Part
	if where != "" && n.Offset >= 0 {
		where = fmt.Sprintf("%s at byte %d", where, n.Offset)
	}
	switch {
	case where == "":
		return n.Key
	case n.Key == "", n.What == "quarantined": // quarantine ls knows it
		return where
	default:
		return where + " (" + n.Key + ")"
	}
}

// close says how many notices were not told.
func (n *notices) close() {
	for _, what := range slices.Sorted(maps.Keys(n.counts)) {
		if more := n.counts[what] - maxNotices; more > 0 {
			n.more(what, more)
		}
	}
}
