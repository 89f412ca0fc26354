package retain

import (
	"slices"
	"time"

	"logstow/archive/ledger"
	"logstow/layout"
)

// Policy says how long something is kept. What it doesn't say other policies may.
type Policy struct {
	Name  string // unique; as a schedule's name
	Match Match

	CompactAfter *Wait  // nil: it doesn't say
	ExpireAfter  Period // zero: it doesn't say
	KeepAtLeast  Period // zero: it doesn't say
}

// Match selects documents and events: those that have one of the values of each
// list. An empty list selects all.
type Match struct {
	Users    []string
	Recipes  []string // of an event: its type
	Statuses []string // whatever the case of their ASCII letters
	Kinds    []string // jobfile's names
}

// Wait is how long until something is compacted.
type Wait struct {
	Never bool
	For   time.Duration
}

// Policies is an ordered list of them. When something is compacted, and when it
// expires, is said by the first policy that matches it and says so. It is kept at
// least as long as the longest KeepAtLeast of all that match. Where none says that
// it expires, it never does. All of it counts from Document.Time.
type Policies []Policy

// Fate is what policies say of a document.
type Fate struct {
	Expires time.Time // zero: never
	By      string    // the policy that says so; empty: none
	Floor   time.Time // it is kept until then at least; zero: none says so
	FloorBy string    // the policy that says so
}

// Fate tells what policies say of a document. Expires is not before Floor.
func (p Policies) Fate(d *ledger.Document) Fate {
	var f Fate
	for i := range p {
		if !p[i].Match.matches(d) {
			continue
		}
		if after := p[i].ExpireAfter; f.By == "" && !after.IsZero() {
			f.Expires, f.By = after.After(d.Time), p[i].Name
		}
		if least := p[i].KeepAtLeast; !least.IsZero() && least.After(d.Time).After(f.Floor) {
			f.Floor, f.FloorBy = least.After(d.Time), p[i].Name
		}
	}
	if f.By != "" && f.Expires.Before(f.Floor) {
		f.Expires = f.Floor
	}
	return f
}

// CompactAfter is what compact.Config.After is: how long a document is to stay a
// file of its own; not ok: for good. Where no policy says it is otherwise.
func (p Policies) CompactAfter(d *ledger.Document, otherwise time.Duration) (wait time.Duration, ok bool) {
	for i := range p {
		if w := p[i].CompactAfter; w != nil && p[i].Match.matches(d) {
			return w.For, !w.Never
		}
	}
	return otherwise, true
}

// oldestBefore is a time that everything is older than of which a policy may say
// that it has expired at the time now; not ok where none lets anything expire.
func (p Policies) oldestBefore(now time.Time) (before time.Time, ok bool) {
	for i := range p {
		after := p[i].ExpireAfter
		if after.IsZero() {
			continue
		}
		// A day more, since the 29th of February is a year before the 1st of
		// March, and that a year after the 29th.
		t := now.UTC().AddDate(-after.Years, 0, -after.Days+1)
		if !ok || t.After(before) {
			before, ok = t, true
		}
	}
	return before, ok
}

// matches tells whether the lists select d.
func (m *Match) matches(d *ledger.Document) bool {
	return oneOf(m.Users, d.User) && oneOf(m.Recipes, d.Recipe) && oneOf(m.Kinds, d.Kind) && hasStatus(m.Statuses, d.Status)
}

func oneOf(list []string, value string) bool {
	return len(list) == 0 || slices.Contains(list, value)
}

func hasStatus(list []string, status string) bool {
	return layout.Scope{Statuses: list}.Matches(layout.Subject{Status: status})
}
