package scheduler

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // zones have names also where the system has no list of them

	"github.com/robfig/cron/v3"
)

// maxSpec is how many bytes a spec may have.
const maxSpec = 500

// Schedule is when a task is to run: the instants that a spec names in a zone.
//
// A spec is five fields (minute, hour, day of month, month, day of week), six
// with the second before them, or one of @yearly, @monthly, @weekly, @daily,
// @hourly and "@every 90s". Where neither day is *, one of them is enough.
//
// What happens when the clocks of the zone change depends on the hour. With
// given hours each local time comes exactly once a day: one that is skipped in
// spring comes at the instant the clocks go forward, and several skipped ones
// come as one; one that is repeated in autumn comes the first time. Where every
// hour is meant (* or @hourly), time goes on as it passes: nothing comes for
// what is skipped, and what is repeated comes twice.
//
// @every counts from the beginning of 1970 in UTC, whatever the zone, so that
// neither a restart nor another process shifts it: "@every 24h" is midnight UTC.
//
// It is safe for concurrent use.
type Schedule struct {
	zone  *time.Location
	every time.Duration      // 0: by fields
	cron  *cron.SpecSchedule // nil where every isn't 0
}

// everyHour is the bits of all hours.
const everyHour = 1<<24 - 1

// ParseSchedule returns the schedule of a spec in the zone of that name, UTC
// where it is empty. It refuses a spec with a zone inside, one that never
// comes, such as February 31, and a zone that isn't known or depends on the
// machine.
func ParseSchedule(spec, zone string) (*Schedule, error) {
	s := &Schedule{zone: time.UTC}
	if err := s.parse(strings.TrimSpace(spec)); err != nil {
		return nil, fmt.Errorf("schedule %q: %w", spec, err)
	}
	if zone == "" {
		return s, nil
	}
	if strings.EqualFold(zone, "local") {
		return nil, fmt.Errorf("schedule %q: the zone %q depends on the machine: name one, such as Europe/Berlin", spec, zone)
	}
	var err error
	if s.zone, err = time.LoadLocation(zone); err != nil {
		return nil, fmt.Errorf("schedule %q: no such zone %q: want one such as Europe/Berlin: %w", spec, zone, err)
	}
	return s, nil
}

func (s *Schedule) parse(spec string) error {
	upper := strings.ToUpper(spec)
	switch {
	case spec == "":
		return errors.New("it is empty: want five fields, six with seconds, or @daily and such")
	case len(spec) > maxSpec:
		return fmt.Errorf("it is longer than %d bytes", maxSpec)
	case strings.HasPrefix(upper, "TZ="), strings.HasPrefix(upper, "CRON_TZ="):
		return errors.New("a zone inside the schedule is not read: set the zone beside it")
	case strings.HasPrefix(spec, "@every"):
		return s.parseEvery(strings.TrimPrefix(spec, "@every"))
	}
	parser := cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	parsed, err := parser.Parse(spec)
	if err != nil {
		return err
	}
	fields, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return fmt.Errorf("its kind is not known: %T", parsed)
	}
	fields.Location = time.UTC
	s.cron = fields
	if s.wall(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return errors.New("it never comes: no such day of that month")
	}
	return nil
}

func (s *Schedule) parseEvery(length string) error {
	d, err := time.ParseDuration(strings.TrimSpace(length))
	if err != nil {
		return fmt.Errorf(`want a duration after @every, such as "@every 90s": %w`, err)
	}
	if d < time.Second || d%time.Second != 0 {
		return fmt.Errorf("@every wants whole seconds, at least one, not %s", d)
	}
	s.every = d
	return nil
}

// Next returns the first instant after t, in the schedule's zone; zero where
// there is none within fifteen years.
func (s *Schedule) Next(t time.Time) time.Time {
	t = t.Round(0).In(s.zone)
	switch {
	case s.every != 0:
		since := t.Unix() - mod(t.Unix(), int64(s.every/time.Second))
		return time.Unix(since, 0).Add(s.every).In(s.zone)
	case s.cron.Hour&everyHour == everyHour:
		return s.elapsed(t)
	}
	return s.daily(t)
}

// NextN returns the first n instants after t.
func (s *Schedule) NextN(t time.Time, n int) []time.Time {
	var all []time.Time
	for range n {
		if t = s.Next(t); t.IsZero() {
			break
		}
		all = append(all, t)
	}
	return all
}

// mod is never negative.
func mod(n, by int64) int64 { return (n%by + by) % by }

// wall returns what comes after the local time w, both written as if they were
// UTC, where no clock is ever changed.
func (s *Schedule) wall(w time.Time) time.Time {
	for range 3 {
		// Each looks five years ahead; leap days can be eight apart.
		if next := s.cron.Next(w); !next.IsZero() {
			return next
		}
		w = w.AddDate(5, 0, 0)
	}
	return time.Time{}
}

// elapsed is Next where time goes on as it passes: from one change of the
// clocks to the other the zone is but a shift.
func (s *Schedule) elapsed(t time.Time) time.Time {
	local := asUTC(t)
	for {
		_, offset := t.Zone()
		_, end := t.ZoneBounds()
		next := s.wall(local)
		if next.IsZero() {
			return time.Time{}
		}
		at := next.Add(-time.Duration(offset) * time.Second).In(s.zone)
		if end.IsZero() || at.Before(end) {
			return at
		}
		t = end
		local = asUTC(end).Add(-time.Second)
	}
}

// daily is Next where every local time comes once.
func (s *Schedule) daily(t time.Time) time.Time {
	for local := asUTC(t); ; {
		if local = s.wall(local); local.IsZero() {
			return time.Time{}
		}
		if at := s.first(local); at.After(t) {
			return at
		}
	}
}

// asUTC is the local time of t as if it were UTC.
func asUTC(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// first is the first instant at which clocks show the local time w or, where
// they never do, have just gone past it.
func (s *Schedule) first(w time.Time) time.Time {
	at := time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), w.Second(), w.Nanosecond(), s.zone)
	start, end := at.ZoneBounds()
	switch shown := asUTC(at); {
	case shown.After(w):
		return start.In(s.zone)
	case shown.Before(w):
		return end.In(s.zone)
	case start.IsZero():
		return at
	}
	_, before := start.Add(-time.Second).Zone()
	if earlier := w.Add(-time.Duration(before) * time.Second); earlier.Before(start) {
		return earlier.In(s.zone)
	}
	return at
}
