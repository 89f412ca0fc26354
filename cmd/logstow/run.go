package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"logstow/cmd/internal/config"
)

type runTaskOptions struct {
	name string
	json bool
}

func (a *app) runCommand() *cobra.Command {
	var o runTaskOptions
	cmd := &cobra.Command{
		Use:   "run NAME",
		Short: "Run a task of the configuration once, now",
		Long: `Run the task of the schedule NAME once, now, whatever its cron says and without
its retries: for cron, systemd and people. It is recorded like every run, ends at
the schedule's timeout, and ends with the task's own exit status.

No task is run twice at once. Where another process is running it the exit
status is 6, and stderr says who and since when. Where one seems to have died
running it, half a minute passes in which it could still show that it lives.`,
		Example: `  logstow run archive
  logstow run failures --json
  */15 * * * *  logstow run --quiet archive           # in a crontab
  ExecStart=/usr/bin/logstow run %i                   # in a unit named logstow-run@.service`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			o.name = args[0]
			return a.runTask(cmd.Context(), c, o)
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			c, err := a.load(cmd)
			if err != nil || len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return completions(c), cobra.ShellCompDirectiveNoFileComp
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitPartial, exitDamage, exitUnavailable, exitInterrupted)
	storeFlag(cmd)
	ledgerFlag(cmd)
	cmd.Flags().BoolVar(&o.json, "json", false, "print the run as one JSON object")
	return cmd
}

// completions are the names of the schedules, with what each runs.
func completions(c *config.Config) []cobra.Completion {
	all := make([]cobra.Completion, 0, len(c.Schedules))
	for _, s := range c.Schedules {
		all = append(all, cobra.CompletionWithDesc(s.Name, strings.TrimSpace(s.Task+" "+s.Cron)))
	}
	return all
}

// runTask runs one task of the configuration.
func (a *app) runTask(ctx context.Context, c *config.Config, o runTaskOptions) (err error) {
	schedule, err := scheduleOf(c, o.name)
	if err != nil {
		return err
	}
	alone := *c
	alone.Schedules = []config.Schedule{schedule}
	w, err := openWorkplace(ctx, &alone)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.ledger.Close()) }()
	w.watched = true
	did := make(chan report, 1) // nothing where the task didn't get that far
	w.done = func(_ string, what report) { did <- what }
	tasks, err := a.newScheduler(w)
	if err != nil {
		return err
	}
	run, err := tasks.RunNow(ctx, o.name)
	switch {
	case run.ID == 0:
		return err // it did not begin
	case o.json:
		return errors.Join(err, json.NewEncoder(a.out).Encode(newRunJSON(run)))
	}
	select {
	case what := <-did:
		return errors.Join(err, a.printReport(what, false))
	default:
		return err
	}
}

// scheduleOf is the schedule of that name.
func scheduleOf(c *config.Config, name string) (config.Schedule, error) {
	var names []string
	for _, s := range c.Schedules {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	if len(names) == 0 {
		return config.Schedule{}, usagef("no task %q: the configuration has no schedules", name)
	}
	return config.Schedule{}, usagef("no task %q: the configuration has %s", name, someOf(names[:min(len(names), maxNamed)], len(names)))
}

// openWorkplace opens the store and the ledger for the one task of a
// configuration: that of archive may be the first thing there ever was.
func openWorkplace(ctx context.Context, c *config.Config) (workplace, error) {
	if c.Schedules[0].Task != "archive" {
		s, l, err := openForWriting(ctx, c, false)
		return workplace{config: c, store: s, ledger: l}, err
	}
	limitHeap(0)
	s, err := openStore(ctx, c)
	if err != nil {
		return workplace{}, err
	}
	l, err := openForArchiving(ctx, c, s, limitHeap, false)
	return workplace{config: c, store: s, ledger: l}, err
}
