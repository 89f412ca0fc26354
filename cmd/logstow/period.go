package main

import (
	"fmt"
	"time"
)

// period is an hour, a day, a week from Monday or a month as the clocks of a
// zone show it. Where they are set meanwhile it is shorter or longer.
type period struct {
	from, to time.Time // from <= t < to
	label    string    // for the names of files: other periods of the kind have others
}

// lastPeriod is the last period of a kind that is over at a time. The periods
// of a kind follow each other without a gap.
func lastPeriod(kind string, at time.Time) (period, error) {
	begin, ok := map[string]func(time.Time) time.Time{
		"hour": hourOf, "day": dayOf, "week": weekOf, "month": monthOf,
	}[kind]
	if !ok {
		return period{}, fmt.Errorf("period %q: want hour, day, week or month", kind)
	}
	p := period{to: begin(at)}
	p.from = begin(p.to.Add(-1))
	switch kind {
	case "hour":
		p.label = hourLabel(p)
	case "day":
		p.label = p.from.Format("20060102")
	case "week":
		y, m, d := p.from.Date()
		p.label = p.from.Format("20060102") + "-" + time.Date(y, m, d+6, 0, 0, 0, 0, time.UTC).Format("20060102")
	case "month":
		p.label = p.from.Format("200601")
	}
	return p, nil
}

// dayOf is when the day began that a time is in.
func dayOf(t time.Time) time.Time {
	y, m, d := t.Date()
	return midnight(y, m, d, t.Location())
}

// weekOf is when the week began that a time is in.
func weekOf(t time.Time) time.Time {
	y, m, d := t.Date()
	return midnight(y, m, d-(int(t.Weekday())+6)%7, t.Location())
}

// monthOf is when the month began that a time is in.
func monthOf(t time.Time) time.Time {
	y, m, _ := t.Date()
	return midnight(y, m, 1, t.Location())
}

// midnight is the first instant at which the clocks of a zone show a day or a
// later one: they may skip its midnight, or show it twice.
func midnight(y int, m time.Month, d int, zone *time.Location) time.Time {
	shown := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	t := shown.Add(-48 * time.Hour).In(zone)
	for {
		_, offset := t.Zone()
		at := shown.Add(-time.Duration(offset) * time.Second).In(zone)
		if at.Before(t) {
			at = t // what was shown when the clocks were set is later already
		}
		_, end := t.ZoneBounds()
		if end.IsZero() || at.Before(end) {
			return at
		}
		t = end
	}
}

// hourOf is when the hour began that a time is in, or when the clocks were set
// in that hour.
func hourOf(t time.Time) time.Time {
	_, offset := t.Zone()
	shown := t.Add(time.Duration(offset) * time.Second).UTC().Truncate(time.Hour)
	at := shown.Add(-time.Duration(offset) * time.Second).In(t.Location())
	set, _ := t.ZoneBounds()
	if !at.Before(set) {
		return at
	}
	if _, before := set.Add(-1).Zone(); before == offset {
		return at // only the zone's name changed
	}
	return set
}

// hourLabel tells an hour that comes twice from the other by its offset.
func hourLabel(p period) string {
	const layout = "20060102T15"
	label := p.from.Format(layout)
	for step := -3 * time.Hour; step <= 3*time.Hour; step += 30 * time.Minute {
		t := p.from.Add(step)
		if (t.Before(p.from) || !t.Before(p.to)) && t.Format(layout) == label {
			return p.from.Format(layout + "-0700")
		}
	}
	return label
}
