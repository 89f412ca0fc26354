package main

import (
	"math/rand/v2"
	"testing"
	"time"
	_ "time/tzdata" // where the system has no zones
)

// Periods are what the clocks of a zone show, also where they are set.
func TestLastPeriod(t *testing.T) {
	const berlin, brazil, cuba, lordHowe, newfoundland, samoa = "Europe/Berlin", "America/Sao_Paulo", "America/Havana",
		"Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia"
	for _, c := range []struct {
		kind, zone, at       string // at, from and to in UTC
		from, to, label, why string
	}{
		{"hour", "", "2026-11-20T14:00:00Z", "2026-11-20T13:00:00Z", "2026-11-20T14:00:00Z", "20261120T13", "planned on the hour"},
		{"hour", "", "2026-11-20T14:59:59Z", "2026-11-20T13:00:00Z", "2026-11-20T14:00:00Z", "20261120T13", "late in the hour"},
		{"day", "", "2026-11-21T00:00:00Z", "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z", "20261120", "planned at midnight"},
		{"day", "", "2026-11-20T23:59:59.999Z", "2026-11-19T00:00:00Z", "2026-11-20T00:00:00Z", "20261119", "right before midnight"},
		{"week", "", "2026-11-23T00:00:00Z", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z", "20261116-20261122", "on a Monday"},
		{"week", "", "2026-11-22T23:00:00Z", "2026-11-09T00:00:00Z", "2026-11-16T00:00:00Z", "20261109-20261115", "on a Sunday"},
		{"week", "", "2027-01-04T06:00:00Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z", "20261228-20270103", "over new year"},
		{"month", "", "2026-03-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z", "202602", "February"},
		{"month", "", "2028-03-31T10:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z", "202802", "February of a leap year"},
		{"month", "", "2027-01-01T00:00:00Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z", "202612", "December"},

		{"day", berlin, "2026-11-20T23:00:00Z", "2026-11-19T23:00:00Z", "2026-11-20T23:00:00Z", "20261120", "midnight of the zone"},
		{"day", berlin, "2026-03-30T04:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "20260329", "a day of 23 hours"},
		{"day", berlin, "2026-10-26T05:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", "20261025", "a day of 25 hours"},
		{"week", berlin, "2026-10-26T05:00:00Z", "2026-10-18T22:00:00Z", "2026-10-25T23:00:00Z", "20261019-20261025", "a week of 169 hours"},
		{"month", berlin, "2026-11-01T05:00:00Z", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z", "202610", "a month of 745 hours"},
		{"hour", berlin, "2026-03-29T01:30:00Z", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "20260329T01", "the hour before the skipped one"},
		{"hour", berlin, "2026-03-29T02:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z", "20260329T03", "the hour after the skipped one"},
		{"hour", berlin, "2026-10-25T01:30:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "20261025T02+0200", "comes twice, the first"},
		{"hour", berlin, "2026-10-25T02:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z", "20261025T02+0100", "comes twice, the second"},
		{"hour", berlin, "2026-10-25T03:30:00Z", "2026-10-25T02:00:00Z", "2026-10-25T03:00:00Z", "20261025T03", "the hour after"},

		{"day", brazil, "2018-11-05T09:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z", "20181104", "midnight is skipped"},
		{"day", brazil, "2018-02-18T09:00:00Z", "2018-02-17T02:00:00Z", "2018-02-18T03:00:00Z", "20180217", "the clocks go back at midnight"},
		{"day", cuba, "2026-11-02T12:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z", "20261101", "midnight comes twice"},
		{"day", newfoundland, "2006-10-30T12:00:00Z", "2006-10-29T02:30:00Z", "2006-10-30T03:30:00Z", "20061029", "a day begins twice"},
		{"day", samoa, "2011-12-31T00:00:00Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", "20111229", "a day is skipped"},
		{"hour", "Asia/Kolkata", "2026-11-20T14:00:00Z", "2026-11-20T12:30:00Z", "2026-11-20T13:30:00Z", "20261120T18", "hours begin at half past"},
		{"hour", lordHowe, "2026-04-04T15:10:00Z", "2026-04-04T14:00:00Z", "2026-04-04T15:00:00Z", "20260405T01+1100", "clocks go back by half an hour, before"},
		{"hour", lordHowe, "2026-04-04T15:40:00Z", "2026-04-04T15:00:00Z", "2026-04-04T15:30:00Z", "20260405T01+1030", "clocks go back by half an hour, after"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		p, err := lastPeriod(c.kind, timeOf(t, c.at).In(zone))
		if err != nil {
			t.Errorf("%s: %v", c.why, err)
			continue
		}
		from, to := p.from.UTC().Format(time.RFC3339), p.to.UTC().Format(time.RFC3339)
		if from != c.from || to != c.to || p.label != c.label {
			t.Errorf("%s: the last %s in %q before %s is %s to %s, %s; want %s to %s, %s",
				c.why, c.kind, c.zone, c.at, from, to, p.label, c.from, c.to, c.label)
		}
	}
	if _, err := lastPeriod("year", time.Now()); err == nil {
		t.Error("a year is a period")
	}
}

func timeOf(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Whatever the zone, the periods follow each other without a gap, each is over
// when it is the last one, and no two have the same label.
func TestPeriodsFollowEachOther(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	zones := []string{
		"UTC", "Europe/Berlin", "America/Sao_Paulo", "America/Havana", "Australia/Lord_Howe", "America/St_Johns",
		"Pacific/Apia", "Asia/Kolkata", "Africa/Cairo", "Asia/Beirut", "Antarctica/Troll", "America/Caracas", "Asia/Pyongyang",
	}
	count := map[string]int{"hour": 3000, "day": 800, "week": 150, "month": 40}
	for _, name := range zones {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Unix(random.Int64N(2_000_000_000), 0).In(zone)
		for kind, n := range count {
			labels := map[string]bool{}
			at := start
			for range n {
				p, err := lastPeriod(kind, at)
				if err != nil {
					t.Fatal(err)
				}
				again, err := lastPeriod(kind, p.to.In(zone))
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case p.to.After(at) || !p.from.Before(p.to):
					t.Fatalf("seed %d: %s in %s before %s: %s to %s", seed, kind, name, at, p.from, p.to)
				case again != p:
					t.Fatalf("seed %d: %s in %s: %v right at the end of %v", seed, kind, name, again, p)
				case labels[p.label]:
					t.Fatalf("seed %d: %s in %s: two are %s", seed, kind, name, p.label)
				}
				labels[p.label] = true
				at = p.from // the next is the one before
			}
		}
	}
}
