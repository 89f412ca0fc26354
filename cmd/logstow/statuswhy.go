package main

import (
	"path/filepath"
	"strings"

	"logstow/archive"
)

// why says why a record isn't safe: what was seen of it, and what is known of
// the task that would change that.
func (k *known) why(u archive.Unsafe) string {
	switch {
	case u.Reason == archive.NotRead:
		return u.Reason + ": " + k.whyNotRead(u.Source)
	case strings.HasPrefix(u.Reason, archive.NotComplete):
		return u.Reason + "; it waits for the rest, or is quarantined once the file hasn't changed for 24 hours"
	default:
		return u.Reason
	}
}

// whyNotRead says why nobody has read what is new in a source.
func (k *known) whyNotRead(source string) string {
	var by []taskState
	scheduled := false
	for _, t := range k.tasks {
		if t.Task != "archive" {
			continue
		}
		scheduled = scheduled || t.Name != ""
		if t.Name == "" || t.reads(source) {
			by = append(by, t)
		}
	}
	switch {
	case len(by) == 0 && scheduled:
		return "no schedule reads this source"
	case len(by) == 0:
		return "archive has never run, and no schedule runs it"
	}
	first := by[0] // who comes to it first
	for _, t := range by[1:] {
		if t.held(k.now) || !first.held(k.now) && !t.next.IsZero() && (first.next.IsZero() || t.next.Before(first.next)) {
			first = t
		}
	}
	return k.whyNotReadBy(first)
}

// whyNotReadBy says why a task hasn't read what is new.
func (k *known) whyNotReadBy(t taskState) string {
	next := "; " + k.when(t)
	switch {
	case t.held(k.now):
		return t.name() + " is being run by " + t.lease.Holder + " since " + moment(t.lease.Since)
	case t.dead(k.now):
		return t.lease.Holder + " seems to have died running " + t.name() + next
	case t.last == nil:
		return t.name() + " has never run" + next
	case t.state == runDied:
		return "the last run of " + t.name() + " died, begun " + ago(t.last.Started, k.now) + next
	case t.state == "failed" || t.state == "interrupted":
		text := "the last run of " + t.name() + " " + wasOrHas(t.state) + " " + ago(t.last.Ended, k.now)
		if t.last.Error != "" {
			text += ": " + whyOf(*t.last, 200)
		}
		return text + next
	case t.state == runOpen:
		return "the last run of " + t.name() + " has no end recorded, begun " + ago(t.last.Started, k.now)
	case t.Name == "":
		return "the last run of " + t.name() + " was " + ago(t.last.Ended, k.now) + next
	default:
		return k.when(t)
	}
}

func wasOrHas(state string) string {
	if state == "interrupted" {
		return "was interrupted"
	}
	return state
}

// when says when a task comes next.
func (k *known) when(t taskState) string {
	switch {
	case t.Name == "":
		return "no schedule runs it"
	case t.next.IsZero():
		return t.Name + " runs when it is asked for: logstow run " + t.Name
	default:
		return "the next run of " + t.Name + " is at " + moment(t.next)
	}
}

// reads tells whether a task reads a source, by the name that the source gives
// itself.
func (t taskState) reads(source string) bool {
	for _, s := range t.Sources {
		path, err := filepath.Abs(s.Path)
		if err == nil && path == source || s.Path == source {
			return true
		}
	}
	return false
}
