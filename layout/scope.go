package layout

import (
	"slices"
	"strings"
	"time"
)

// Scope says which documents and events something is about: those of which all
// that it says is true. What it doesn't say is true of everything.
type Scope struct {
	User     string    `json:"user,omitempty"`
	Recipe   string    `json:"recipe,omitempty"`   // of an event: its type
	Job      string    `json:"job,omitempty"`      // of an event: its id
	Statuses []string  `json:"statuses,omitempty"` // any of these, whatever the case of their ASCII letters
	Kinds    []string  `json:"kinds,omitempty"`    // any of these
	From     time.Time `json:"from,omitzero"`      // From <= time < To
	To       time.Time `json:"to,omitzero"`
}

// Subject is what a Scope looks at of a document or an event.
type Subject struct {
	User, Recipe, Job, Status, Kind string
	Time                            time.Time
}

// Matches tells whether a document or an event is within the scope.
func (s Scope) Matches(d Subject) bool {
	switch {
	case s.User != "" && s.User != d.User,
		s.Recipe != "" && s.Recipe != d.Recipe,
		s.Job != "" && s.Job != d.Job,
		len(s.Kinds) > 0 && !slices.Contains(s.Kinds, d.Kind),
		!s.From.IsZero() && d.Time.Before(s.From),
		!s.To.IsZero() && !d.Time.Before(s.To):
		return false
	}
	same := func(status string) bool { return lowerASCII(status) == lowerASCII(d.Status) }
	return len(s.Statuses) == 0 || slices.ContainsFunc(s.Statuses, same)
}

// lowerASCII does what the ledger's look-ups do.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
