package main

import (
	"fmt"
	"io"

	"logstow/archive"
	"logstow/cmd/internal/term"
)

// maxNotices is how many notices of one kind are printed.
const maxNotices = 100

// notices names on stderr what did not go as usual. Its methods must not be
// called concurrently.
type notices struct {
	w      io.Writer
	counts map[string]int // by what happened
}

func newNotices(w io.Writer) *notices {
	return &notices{w: w, counts: map[string]int{}}
}

// add prints one notice, unless there were many of its kind.
func (n *notices) add(notice archive.Notice) {
	n.counts[notice.What]++
	if n.counts[notice.What] > maxNotices {
		return
	}
	fmt.Fprintln(n.w, "logstow: "+term.Printable(notice.What+" "+subject(notice)+": "+notice.Reason))
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

// close says how many notices were not printed.
func (n *notices) close() {
	for _, what := range []string{"quarantined", "refused", "unverified", "unreadable", "unknown", "damaged"} {
		more := n.counts[what] - maxNotices
		switch {
		case more <= 0:
		case what == "quarantined":
			fmt.Fprintf(n.w, "logstow: and %d more quarantined: see logstow quarantine ls\n", more)
		default:
			fmt.Fprintf(n.w, "logstow: and %d more %s\n", more, what)
		}
	}
}
