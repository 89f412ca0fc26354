package scheduler_test

import (
	"strings"
	"testing"
	"time"

	"logstow/scheduler"
)

func parse(t *testing.T, spec, zone string) *scheduler.Schedule {
	t.Helper()
	s, err := scheduler.ParseSchedule(spec, zone)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestClocksThatChange(t *testing.T) {
	for _, tt := range []struct {
		spec, zone, after string
		want              []string
	}{
		// Europe/Berlin: 02:00 is 03:00 on March 29, 03:00 is 02:00 on October 25.
		{"30 2 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", []string{"2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"}},
		{"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"}},
		{"0 3 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-25T03:00:00+01:00"}},
		{"0,20,40 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", []string{"2026-03-29T03:00:00+02:00", "2026-03-29T03:20:00+02:00"}},
		{"30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", []string{"2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00"}},
		{"30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", []string{"2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "2026-10-25T03:30:00+01:00"}},
		{"@hourly", "Europe/Berlin", "2026-10-25T00:30:00Z", []string{"2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"}},
		{"30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", []string{"2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"}},
		{"30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", []string{"2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"}},
		// Lord Howe moves by half an hour: 02:00 is 01:30 on April 5, 02:30 on October 4.
		{"45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", []string{"2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"}},
		{"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", []string{"2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"}},
		{"45 * * * *", "Australia/Lord_Howe", "2026-04-04T14:00:00Z", []string{"2026-04-05T01:45:00+11:00", "2026-04-05T01:45:00+10:30"}},
		// Midnight itself is skipped.
		{"@daily", "America/Sao_Paulo", "2018-11-03T12:00:00Z", []string{"2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"}},
		{"0 * 4 11 *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", []string{"2018-11-04T01:00:00-02:00"}},
		// A whole day is.
		{"0 9 * * *", "Pacific/Apia", "2011-12-29T20:00:00Z", []string{"2011-12-31T00:00:00+14:00", "2011-12-31T09:00:00+14:00"}},
		// No clock changes.
		{"15 30 2 * * *", "", "2026-03-29T00:00:00Z", []string{"2026-03-29T02:30:15Z"}},
		{"0 0 29 2 *", "", "2096-03-01T00:00:00Z", []string{"2104-02-29T00:00:00Z"}},
		{"@every 90s", "Europe/Berlin", "1970-01-01T00:01:30Z", []string{"1970-01-01T01:03:00+01:00"}},
		{"@every 24h", "", "2026-03-29T10:00:00.5Z", []string{"2026-03-30T00:00:00Z"}},
		{"@every 7s", "", "1969-12-31T23:59:50Z", []string{"1969-12-31T23:59:53Z", "1970-01-01T00:00:00Z"}},
	} {
		after, err := time.Parse(time.RFC3339, tt.after)
		if err != nil {
			t.Fatal(err)
		}
		for i, at := range parse(t, tt.spec, tt.zone).NextN(after, len(tt.want)) {
			if got := at.Format(time.RFC3339); got != tt.want[i] {
				t.Errorf("%s %s after %s: number %d is %s, want %s", tt.spec, tt.zone, tt.after, i+1, got, tt.want[i])
			}
		}
	}
}

func TestScheduleRefusals(t *testing.T) {
	for _, tt := range []struct{ spec, zone, want string }{
		{"TZ=0", "", "set the zone beside it"},
		{"TZ=Europe/Berlin 0 0 * * *", "", "set the zone beside it"},
		{" CRON_TZ=UTC", "", "set the zone beside it"},
		{"0 0 31 2 *", "", "never comes"},
		{"0 0 31 4,6,9,11 *", "", "never comes"},
		{"0 0 0 30 2 ?", "", "never comes"},
		{"* * * * *", "Mars/Olympus", "no such zone"},
		{"* * * * *", "../etc/passwd", "no such zone"},
		{"* * * * *", "Local", "depends on the machine"},
		{"", "", "empty"},
		{"@reboot", "", "unrecognized descriptor"},
		{"@every", "", "want a duration"},
		{"@every 0s", "", "whole seconds"},
		{"@every -1h", "", "whole seconds"},
		{"@every 1500ms", "", "whole seconds"},
		{"* * * *", "", "expected 5 to 6 fields"},
		{"* * * * * * *", "", "expected 5 to 6 fields"},
		{"60 * * * *", "", "above maximum"},
		{"*/0 * * * *", "", "positive"},
		{strings.Repeat("1,", 300), "", "longer"},
	} {
		if _, err := scheduler.ParseSchedule(tt.spec, tt.zone); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("ParseSchedule(%q, %q) = %v, want an error with %q", tt.spec, tt.zone, err, tt.want)
		}
	}
}

// FuzzParseSchedule looks for specs that panic, never end, or go back.
func FuzzParseSchedule(f *testing.F) {
	for _, seed := range []string{"0 0 31 2 *", "TZ=0", "CRON_TZ=UTC", "@every 90s", "*/5 1-3 ? JAN MON", "@daily", "0/9223372036854775807 * * * *"} {
		f.Add(seed, int64(1774746000))
	}
	f.Fuzz(func(t *testing.T, spec string, at int64) {
		s, err := scheduler.ParseSchedule(spec, "Australia/Lord_Howe")
		if err != nil {
			return
		}
		after := time.Unix(at%(1<<33), 0)
		for range 3 {
			next := s.Next(after)
			if !next.After(after) {
				t.Fatalf("%q: after %s comes %s", spec, after, next)
			}
			after = next
		}
	})
}
