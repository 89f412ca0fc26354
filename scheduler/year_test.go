package scheduler_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/scheduler"
)

// planned is a schedule and, written by hand, the local times that it means.
type planned struct {
	spec  string
	every bool // hour: as time passes
	means func(w time.Time) bool
}

var year = []planned{
	{"30 2 * * *", false, func(w time.Time) bool { return w.Hour() == 2 && w.Minute() == 30 }},
	{"15,45 1,2 * * *", false, func(w time.Time) bool { return (w.Hour() == 1 || w.Hour() == 2) && w.Minute()%30 == 15 }},
	{"0 */2 * * SUN", false, func(w time.Time) bool { return w.Hour()%2 == 0 && w.Minute() == 0 && w.Weekday() == 0 }},
	{"20 0-23 * 3-4,10 *", true, func(w time.Time) bool {
		return w.Minute() == 20 && (w.Month() == 3 || w.Month() == 4 || w.Month() == 10)
	}},
	{"@hourly", true, func(w time.Time) bool { return w.Minute() == 0 }},
	{"0 0 29 2 *", false, func(w time.Time) bool { return w.YearDay() == 60 && w.Hour() == 0 && w.Minute() == 0 }},
	{"5 3 13 * 5", false, func(w time.Time) bool {
		return w.Hour() == 3 && w.Minute() == 5 && (w.Day() == 13 || w.Weekday() == 5)
	}},
}

// everywhere returns what is run in a zone: all of year in the first, and in the
// others what doesn't run too often.
func everywhere(zone string) []planned {
	if zone == zones[0] {
		return year
	}
	return slices.DeleteFunc(slices.Clone(year), func(p planned) bool { return p.spec == "@hourly" })
}

var zones = []string{"Australia/Lord_Howe", "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo"}

// minute is an instant, what the clocks on the wall show, and what they have
// skipped just before.
type minute struct {
	at      time.Time
	wall    time.Time
	skipped []time.Time
	again   bool // they showed it before
}

// minutes looks at the clocks every minute.
func minutes(t *testing.T, zone string, from, to time.Time) []minute {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	shows := func(at time.Time) time.Time {
		w := at.In(loc)
		return time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), 0, 0, time.UTC)
	}
	var all []minute
	last := shows(from)
	latest := last
	for at := from.Add(time.Minute); !at.After(to); at = at.Add(time.Minute) {
		m := minute{at: at, wall: shows(at)}
		if m.again = !m.wall.After(latest); !m.again {
			latest = m.wall
		}
		for skipped := last.Add(time.Minute); skipped.Before(m.wall); skipped = skipped.Add(time.Minute) {
			m.skipped = append(m.skipped, skipped)
		}
		all, last = append(all, m), m.wall
	}
	return all
}

func (p *planned) oracle(minutes []minute) []string {
	var all []string
	for _, m := range minutes {
		hit := p.means(m.wall) && (p.every || !m.again)
		if !p.every {
			hit = hit || slices.ContainsFunc(m.skipped, p.means)
		}
		if hit {
			all = append(all, m.at.UTC().Format(time.RFC3339))
		}
	}
	return all
}

// TestYear runs a year of schedules in every zone, and wants each run at its
// planned time, once.
func TestYear(t *testing.T) {
	for _, zone := range zones {
		t.Run(zone, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemory()
				var tasks []scheduler.Task
				year := everywhere(zone)
				for i, p := range year {
					tasks = append(tasks, scheduler.Task{Name: fmt.Sprint(i), Spec: p.spec, Zone: zone, Do: nothing, Missed: scheduler.MissedAll})
				}
				from := time.Now().UTC()
				runFor(t, newScheduler(t, scheduler.Config{Ledger: m, Tasks: tasks, Parallel: len(tasks), Check: 24 * time.Hour}), 366*24*time.Hour+30*time.Second)
				got := make([][]string, len(tasks))
				for _, r := range m.all() {
					n, err := strconv.Atoi(r.Task)
					if err != nil {
						t.Fatal(err)
					}
					if r.Outcome != "ok" || !r.Started.Equal(r.Planned) {
						t.Fatalf("run %+v: want it to have started as planned, and ended well", r)
					}
					got[n] = append(got[n], r.Planned.UTC().Format(time.RFC3339))
				}
				clocks := minutes(t, zone, from, time.Now())
				for i, p := range year {
					want := p.oracle(clocks)
					if diff := cmp.Diff(want, got[i]); diff != "" {
						t.Errorf("%s %s (-want +got):\n%s", p.spec, zone, diff)
					}
				}
			})
		})
	}
}
