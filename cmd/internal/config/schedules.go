package config

import "time"

// Schedule is a task that is run again and again, or when it is asked for. Load
// has found that each of its values is allowed.
type Schedule struct {
	Name string // unique; 1 to 64 of a–z A–Z 0–9 . _ -, not . or - first: it names units and files
	Task string // one of Tasks

	Cron string // as scheduler.ParseSchedule takes it; empty: it runs when asked for, with logstow run
	Zone string // empty: UTC

	Jitter      time.Duration
	Timeout     time.Duration // 0: none
	Retries     int
	Backoff     time.Duration // 0: the scheduler's default
	Missed      string        // "once", "all" or "none"; empty: once
	MissedLimit int           // 0: the scheduler's default

	Sources []Source        // of the task archive: some of Archive.Sources, or all
	Export  *StandingExport // of the task export, never nil there
	Check   CheckOptions    // of the task check

	Where string // "/etc/logstow/config.yaml:12"
}

// StandingExport is what the task export writes to a file: the jobs of the last
// whole period before the time that the run was planned for.
type StandingExport struct {
	User     string
	Recipes  []string
	Statuses []string
	Kinds    []string // jobfile's names
	Level    string   // jobfile's name; empty: all lines
	Format   string   // export's name
	Period   string   // "hour", "day", "week" (from Monday) or "month", in the schedule's zone
	Folder   string   // absolute; the file's name is made of the schedule's and the period's
}

// CheckOptions is how thoroughly the task check looks.
type CheckOptions struct {
	Deep   bool
	Sample float64 // from 0 to 1
}

// Tasks is what a schedule can run.
func Tasks() []string { return []string{"archive", "export", "sweep", "check", "compact", "retain"} }
