package config

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"logstow/scheduler"
)

// Plan is when schedules will run, in the order of the file.
type Plan []Planned

// Planned is when one schedule will run.
type Planned struct {
	Name string      `json:"name"`
	Task string      `json:"task"`
	Cron string      `json:"cron"` // empty: only when asked for
	Zone string      `json:"zone"`
	Next []time.Time `json:"next"` // in the zone; without jitter
}

// Plan returns the next n times of each schedule after after.
func (c *Config) Plan(after time.Time, n int) (Plan, error) {
	var p Plan
	for _, s := range c.Schedules {
		planned := Planned{Name: s.Name, Task: s.Task, Cron: s.Cron, Zone: s.zone(), Next: []time.Time{}}
		if s.Cron != "" {
			schedule, err := scheduler.ParseSchedule(s.Cron, s.Zone)
			if err != nil {
				return nil, fmt.Errorf("%s: schedule %s: %w", s.Where, s.Name, err)
			}
			planned.Next = schedule.NextN(after, n)
		}
		p = append(p, planned)
	}
	return p, nil
}

// Write writes one line for each schedule: its name and its times.
func (p Plan) Write(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range p {
		fmt.Fprint(table, s.Name)
		if s.Cron == "" {
			fmt.Fprintf(table, "\tonly when asked for: logstow run %s", s.Name)
		}
		for _, t := range s.Next {
			fmt.Fprint(table, "\t"+t.Format(time.RFC3339))
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

func (s Schedule) zone() string {
	if s.Zone == "" {
		return "UTC"
	}
	return s.Zone
}

// show is what a schedule does and when, for people.
func (s Schedule) show() string {
	if s.Cron == "" {
		return s.Task + ", only when asked for"
	}
	return s.Task + ", " + s.Cron + ", " + s.zone()
}
