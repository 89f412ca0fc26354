package main

import (
	"fmt"
	"strings"
	"time"

	"logstow/archive"
	"logstow/cmd/internal/term"
)

// print tells people.
func (k *known) print(a *app) error {
	var p page
	if k.config.Store != "" {
		p.line("store", storeName(k.config.Store))
	}
	ledger := k.config.Ledger
	if !k.ledger {
		ledger += " (not there yet: nothing was archived)"
	}
	p.line("ledger", ledger)
	if k.ledger {
		p.line("safe", fmt.Sprintf("%s, %s", counted(k.counts.Documents, "document"), term.Size(k.counts.Bytes)))
	}
	if n := k.counts.Quarantined; n > 0 {
		p.line("quarantined", counted(n, "record")+": see logstow quarantine ls")
	}
	if k.unverified > 0 {
		p.line("unverified", counted(k.unverified, "document")+" that could never be compared: the store may not be read")
	}
	k.printBacklog(&p)
	if err := p.write(a.out); err != nil || len(k.tasks) == 0 {
		return err
	}
	if _, err := fmt.Fprintln(a.out); err != nil {
		return err
	}
	return k.printTasks(a)
}

// printBacklog tells what isn't safe yet, and of what nobody knows.
func (k *known) printBacklog(p *page) {
	switch {
	case k.oldest != nil:
		p.line("not safe yet", k.howMany())
		p.line("the oldest", k.describe(*k.oldest))
		p.line("why", k.why(*k.oldest))
	case len(k.found.all) == 0:
		p.line("not safe yet", "nobody can tell: no source was looked at")
	default:
		p.line("not safe yet", "nothing: everything that was looked at is safe")
	}
	for _, b := range k.found.all {
		switch {
		case b.Err != nil:
			p.line("can't be read", strings.ReplaceAll(b.Err.Error(), "\n", "; "))
		case !b.Whole:
			p.line("not all seen", b.Source+": look at all of it with --deep")
		}
	}
	for _, name := range k.found.left {
		p.line("not looked at", name+": what is read from it is gone")
	}
}

// howMany says how much isn't safe, as far as anybody can tell.
func (k *known) howMany() string {
	var records, bytes int64
	for _, b := range k.found.all {
		records += b.Records
		bytes += b.Bytes
	}
	var parts []string
	if records > 0 {
		parts = append(parts, fmt.Sprintf("%s in the sources, %s", counted(records, "record"), term.Size(bytes)))
	}
	if k.unverified > 0 {
		parts = append(parts, counted(k.unverified, "unverified document"))
	}
	if len(parts) == 0 {
		return "nobody can tell: not everything can be read"
	}
	return strings.Join(parts, "; ")
}

// describe says which record it is, when it was and where it stands.
func (k *known) describe(u archive.Unsafe) string {
	var parts []string
	if u.Job != "" {
		parts = append(parts, fmt.Sprintf("job %s of user %s", u.Job, u.User))
	}
	if !u.Time.IsZero() {
		parts = append(parts, fmt.Sprintf("%s (%s)", moment(u.Time), ago(u.Time, k.now)))
	}
	where := u.Part
	if where == "" {
		where = u.Source
	}
	if u.Offset >= 0 {
		where += fmt.Sprintf(" at byte %d", u.Offset)
	}
	return strings.Join(append(parts, where), ", ")
}

// printTasks tells how each task is.
func (k *known) printTasks(a *app) error {
	table := term.NewTable(a.colours(), term.Column{Name: "task"}, term.Column{Name: "last run"},
		term.Column{Name: "outcome"}, term.Column{Name: "took", Right: true}, term.Column{Name: "next run"}, term.Column{Name: "note"})
	for _, t := range k.tasks {
		last, outcome, lasted := "never", "", ""
		if t.last != nil {
			last, outcome = t.last.Started.Format(time.DateTime), t.state
			lasted = took(*t.last, t.state, k.now)
		}
		next := "when asked for"
		if !t.next.IsZero() {
			next = t.next.UTC().Format(time.DateTime)
		}
		table.Row(t.name(), last, outcome, lasted, next, k.note(t))
	}
	return table.Write(a.out)
}

// note says who runs a task, or why its last run went wrong.
func (k *known) note(t taskState) string {
	switch {
	case t.held(k.now):
		note := "run by " + t.lease.Holder + " since " + moment(t.lease.Since)
		if t.last != nil && t.last.Fence == t.lease.Fence && t.last.Error != "" { // between two attempts
			note += "; " + whyOf(*t.last, 80)
		}
		return note
	case t.dead(k.now):
		return t.lease.Holder + ", who ran it, seems to have died: its lease lapsed at " + moment(t.lease.Until)
	case t.last != nil:
		return whyOf(*t.last, 80)
	default:
		return ""
	}
}
