package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

const (
	schedulesKey = "schedules"
	maxSchedules = 1000
)

// draft is a schedule that is being read.
type draft struct {
	Schedule
	places map[string]string // where each of its members stands
	paths  []placed          // of its sources; none: all
}

// placed is text of the file, and where it stands.
type placed struct{ text, where string }

// scheduleMembers is the members of a schedule, in the order in which they are
// documented.
var scheduleMembers = []member[draft]{
	plain("name", func(d *draft, s string) (err error) { d.Name, err = parseName(s); return err }),
	plain("task", func(d *draft, s string) (err error) { d.Task, err = parseTask(s); return err }),
	plain("cron", func(d *draft, s string) (err error) { d.Cron, err = parseCron(s); return err }),
	plain("zone", func(d *draft, s string) (err error) { d.Zone, err = parseZone(s); return err }),
	plain("jitter", func(d *draft, s string) (err error) { d.Jitter, err = parseJitter(s); return err }),
	plain("timeout", func(d *draft, s string) (err error) { d.Timeout, err = parseTimeout(s); return err }),
	plain("retries", func(d *draft, s string) (err error) { d.Retries, err = parseRetries(s); return err }),
	plain("backoff", func(d *draft, s string) (err error) { d.Backoff, err = parseBackoff(s); return err }),
	plain("missed", func(d *draft, s string) (err error) { d.Missed, err = oneOf(s, missedNames()...); return err }),
	plain("missed_limit", func(d *draft, s string) (err error) { d.MissedLimit, err = parseMissedLimit(s); return err }),
	several("sources", func(d *draft, s, where string) error { return d.addSource(s, where) }),
	{"export", func(f *file, _ string, n *yaml.Node, d *draft) { d.Export = f.readExport(n) }},
	{"check", func(f *file, _ string, n *yaml.Node, d *draft) { d.Check = f.readCheck(n) }},
}

// taskOf is the tasks that alone have some members.
var taskOf = map[string]string{"sources": "archive", "export": "export", "check": "check"}

// readSchedules reads the list of schedules in the file.
func (f *file) readSchedules(n *yaml.Node) {
	switch {
	case isNull(n):
		return // a heading whose items are all commented out
	case n.Kind != yaml.SequenceNode:
		f.problem(n, schedulesKey, "use a list: each item is a mapping with name, task and cron")
		return
	case len(n.Content) > maxSchedules:
		f.problem(n, schedulesKey, fmt.Sprintf("there are %d of them: use at most %d", len(n.Content), maxSchedules))
		return
	}
	for _, item := range n.Content {
		d := f.readSchedule(resolved(item))
		same := func(other *draft) bool { return other.Name == d.Name }
		if i := slices.IndexFunc(f.drafts, same); i >= 0 && d.Name != "" {
			f.loader.problem(schedulesKey+".name", d.Name, d.places["name"],
				"another schedule has that name, at "+printable(f.drafts[i].Where))
		}
		f.drafts = append(f.drafts, d)
	}
}

func (f *file) readSchedule(n *yaml.Node) *draft {
	d := &draft{}
	d.Where = f.where(n)
	if n.Kind != yaml.MappingNode {
		f.problem(n, schedulesKey, "a schedule is a mapping with some of "+strings.Join(memberNames(scheduleMembers), ", "))
		return d
	}
	d.places = readMembers(f, n, schedulesKey, scheduleMembers, d)
	if !d.has("name") {
		f.problem(n, schedulesKey, "this schedule has no name")
	}
	if !d.has("task") {
		f.problem(n, schedulesKey, "this schedule has no task: "+join(Tasks()))
	}
	f.checkTask(d)
	f.checkCron(d)
	f.checkPairs(d)
	return d
}

func (d *draft) has(name string) bool {
	_, ok := d.places[name]
	return ok
}

// checkTask sees to it that members fit the task.
func (f *file) checkTask(d *draft) {
	if d.Task == "" {
		return
	}
	for _, name := range memberNames(scheduleMembers) {
		if task, ok := taskOf[name]; ok {
			f.need(d, name, d.Task == task, fmt.Sprintf("it is for the task %s, and this one is %s", task, d.Task))
		}
	}
	if d.Task == "export" && !d.has("export") {
		f.loader.problem(schedulesKey, d.Name, d.places["task"],
			"the task export needs export, with at least period and folder")
	}
}

// checkCron refuses what has no meaning for a task that runs when it is asked
// for.
func (f *file) checkCron(d *draft) {
	if d.has("cron") {
		return
	}
	for _, name := range []string{"jitter", "retries", "missed"} {
		f.need(d, name, false, "it needs cron: a schedule without one runs once when it is asked for")
	}
	f.need(d, "zone", d.Task == "export", "it needs cron, except with the task export, whose period is in that zone")
}

// checkPairs refuses what has no meaning without another member. Where that one
// is wrong, it is enough to say so.
func (f *file) checkPairs(d *draft) {
	f.need(d, "backoff", d.Retries != 0, "it is the pause before a retry: set retries to 1 or more, or leave it out")
	wrong := d.has("missed") && d.Missed == ""
	f.need(d, "missed_limit", d.Missed == "all" || wrong, "it is for missed: all")
}

// need objects to a member that is there while it must not be.
func (f *file) need(d *draft, name string, fits bool, reason string) {
	if where, ok := d.places[name]; ok && !fits {
		f.loader.problem(schedulesKey+"."+name, "", where, reason)
	}
}

func (d *draft) addSource(path, where string) error {
	for _, p := range d.paths {
		if p.text == path {
			return fmt.Errorf("it is named before, at %s", printable(p.where))
		}
	}
	d.paths = append(d.paths, placed{path, where})
	return nil
}

// chooseSources gives a schedule of the task archive its sources out of those
// that the archive has.
func (l *loader) chooseSources(d *draft) {
	if d.Task != "archive" {
		return
	}
	all := l.config.Archive.Sources
	if len(d.paths) == 0 {
		d.Sources = slices.Clone(all)
	}
	for _, p := range d.paths {
		same := func(s Source) bool { return s.Path == p.text }
		if i := slices.IndexFunc(all, same); i >= 0 {
			d.Sources = append(d.Sources, all[i])
			continue
		}
		l.problem(schedulesKey+".sources", p.text, p.where, "no such source; "+l.sourcesAllowed())
	}
	stdin := slices.ContainsFunc(d.Sources, func(s Source) bool { return s.Path == "-" })
	switch {
	case len(all) == 0 && len(d.paths) == 0:
		l.problem(schedulesKey, d.Name, d.Where, "it has nothing to archive: set "+sourcesKey)
	case stdin && d.Cron != "":
		l.problem(schedulesKey, d.Name, d.Where,
			"it reads standard input (-), which a schedule with cron has not: name its sources, without -")
	}
}

// sourcesAllowed says which sources a schedule can have.
func (l *loader) sourcesAllowed() string {
	all := l.config.Archive.Sources
	if len(all) == 0 {
		return "name it in " + sourcesKey + " first"
	}
	return fmt.Sprintf("use one of %s (%s, %s)", showSources(all), sourcesKey, printable(l.origin[sourcesKey]))
}
