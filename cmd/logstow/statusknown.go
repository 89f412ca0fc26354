package main

import (
	"context"
	"time"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
	"logstow/scheduler"
)

// known is all that status tells.
type known struct {
	config *config.Config
	now    time.Time
	ledger bool // there is one
	found  lookout

	counts     ledger.Counts
	unverified int64
	tasks      []taskState
	oldest     *archive.Unsafe // nil: nothing was found
}

// taskState is how a task is, or the command archive where no schedule runs it.
type taskState struct {
	config.Schedule // of the command: nothing but Task

	lease ledger.Lease // zero: it never ran
	last  *ledger.Run  // nil: it never ran
	state string       // of last
	next  time.Time    // zero: it runs when it is asked for
}

// name is what people call it.
func (t taskState) name() string {
	if t.Name == "" {
		return "logstow " + t.Task
	}
	return t.Name
}

// held tells whether somebody is running it.
func (t taskState) held(now time.Time) bool { return t.lease.HeldAt(now) }

// dead tells whether who ran it seems to have died.
func (t taskState) dead(now time.Time) bool { return !t.lease.Until.IsZero() && !t.held(now) }

// gather asks the ledger, which is nil where there is none yet.
func gather(ctx context.Context, c *config.Config, l *ledger.Ledger, found lookout) (*known, error) {
	k := &known{config: c, now: time.Now().UTC(), ledger: l != nil, found: found}
	for _, b := range found.all {
		k.oldest = archive.Older(k.oldest, b.Oldest)
	}
	var leases map[string]ledger.Lease
	if l != nil {
		all, err := l.Leases(ctx)
		if err != nil {
			return nil, err
		}
		leases = byTask(all)
		if err := k.count(ctx, l); err != nil {
			return nil, err
		}
	}
	archives := false
	for _, s := range c.Schedules {
		archives = archives || s.Task == "archive"
		if err := k.add(ctx, l, s, leases); err != nil {
			return nil, err
		}
	}
	if archives {
		return k, nil
	}
	return k, k.add(ctx, l, config.Schedule{Task: "archive"}, leases)
}

// count takes what the ledger knows of documents.
func (k *known) count(ctx context.Context, l *ledger.Ledger) error {
	var err error
	if k.counts, err = l.Counts(ctx); err != nil {
		return err
	}
	n, d, err := l.Unverified(ctx)
	if err != nil || n == 0 {
		return err
	}
	k.unverified = n
	k.oldest = archive.Older(k.oldest, &archive.Unsafe{
		User: d.User, Recipe: d.Recipe, Job: d.Job, Time: d.Time, Part: d.Source, Offset: -1,
		Reason: archive.NotVerified + ": the store may not be read",
	})
	return nil
}

// add takes how a task is. Of the command, which has no name, only its last run
// is known.
func (k *known) add(ctx context.Context, l *ledger.Ledger, s config.Schedule, leases map[string]ledger.Lease) error {
	t := taskState{Schedule: s, lease: leases[s.Name]}
	query := ledger.RunQuery{Task: s.Name, Limit: 1}
	if s.Name == "" {
		query.Command = s.Task
	}
	if l != nil {
		runs, err := l.Runs(ctx, query)
		if err != nil {
			return err
		}
		if len(runs) > 0 {
			t.last, t.state = &runs[0], stateOf(runs[0], leases, k.now)
		}
	}
	if s.Cron != "" {
		schedule, err := scheduler.ParseSchedule(s.Cron, s.Zone)
		if err != nil {
			return usageError{err}
		}
		t.next = schedule.Next(k.now)
	}
	if s.Name != "" || t.last != nil {
		k.tasks = append(k.tasks, t)
	}
	return nil
}
