package scheduler

import "time"

// wrongClock is how far ahead the last planned time may lie: a clock that is set
// back by less has nothing done twice, and one that is set back by more doesn't
// keep a task from running until it shows that time again.
const wrongClock = 3 * time.Hour

// toRun returns the planned time after last that is to be run now, the first of
// those that are wanted; zero where there is none.
func (t *task) toRun(last, now time.Time, late time.Duration) time.Time {
	limit := 1
	if t.Missed == MissedAll {
		limit = t.MissedLimit
	}
	all := t.latest(last, now, limit)
	if len(all) == 0 || t.Missed == MissedNone && now.Sub(t.due(all[0])) > late {
		return time.Time{}
	}
	return all[0]
}

// latest returns the planned times after last that are due, oldest first, and
// of many the latest. It looks back from now in steps that grow, as there may
// be millions since last.
func (t *task) latest(last, now time.Time, limit int) []time.Time {
	for back := time.Minute; ; back *= 4 {
		from := now.Add(-t.Jitter - back)
		whole := back > 1<<60 || !from.After(last)
		if whole {
			from = last
		}
		all := t.lastOf(from, now, limit)
		if whole || len(all) == limit {
			return all
		}
	}
}

// lastOf returns the last planned times after from that are due, in order: one
// that its jitter delays delays those behind it.
func (t *task) lastOf(from, now time.Time, limit int) []time.Time {
	var all []time.Time
	for {
		from = t.schedule.Next(from)
		if from.IsZero() || t.due(from).After(now) {
			return all[max(0, len(all)-limit):]
		}
		if all = append(all, from); len(all) > 2*limit {
			all = append(all[:0], all[len(all)-limit:]...)
		}
	}
}

// nextDue is when something is next due that isn't now; zero: never.
func (t *task) nextDue(last, now time.Time) time.Time {
	if from := now.Add(-t.Jitter - time.Second); from.After(last) {
		last = from
	}
	for {
		last = t.schedule.Next(last)
		if last.IsZero() {
			return last
		}
		if at := t.due(last); at.After(now) {
			return at
		}
	}
}
