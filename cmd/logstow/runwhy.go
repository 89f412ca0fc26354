package main

import (
	"encoding/json"
	"strings"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/cmd/internal/term"
)

// whyOf says in one line why a run didn't go as usual, in at most limit
// characters; empty where it did, or has no end. Of a run that archived it says
// how many records and files that is about.
func whyOf(r ledger.Run, limit int) string {
	lines := strings.Split(r.Error, "\n")
	for i, line := range lines {
		if line == errPartial.Error() {
			lines[i] = unusual(r.Summary, line)
		}
	}
	return shortened(strings.Join(lines, "; "), limit)
}

// unusual counts what did not go as usual, by a run's summary; otherwise where
// that tells of nothing.
func unusual(summary, otherwise string) string {
	var s archive.Summary
	if json.Unmarshal([]byte(summary), &s) != nil {
		return otherwise
	}
	var parts []string
	for _, c := range []struct {
		n    int64
		what string
	}{
		{s.Quarantined, "quarantined"},
		{s.Refused, "refused"},
		{s.Unverified, "unverified"},
		{s.Unreadable, "unreadable"},
	} {
		if c.n > 0 {
			parts = append(parts, term.Count(c.n)+" "+c.what)
		}
	}
	if len(parts) == 0 {
		return otherwise
	}
	return strings.Join(parts, ", ")
}
