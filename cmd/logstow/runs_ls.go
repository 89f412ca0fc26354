package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
	"logstow/cmd/internal/term"
)

type runsLsOptions struct {
	query ledger.RunQuery
	json  bool
}

func (a *app) runsLsCommand() *cobra.Command {
	var o runsLsOptions
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List runs, newest first",
		Long: `List runs of tasks, and of commands that write, newest first. A task's run
without an end is running, or it died with its process. Of a command's run
without an end nobody can tell which. Times are UTC.`,
		Example: `  logstow runs ls
  logstow runs ls --task archive --limit 10
  logstow runs ls --limit 0 --json | jq 'select(.outcome == "failed")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.runsLs(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage)
	storeFlag(cmd)
	ledgerFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.query.Task, "task", "", "only runs of this `task`, by the name of its schedule")
	flags.StringVar(&o.query.Command, "command", "", "only runs of this `command`: archive, adopt, quarantine retry, …")
	limitFlag(cmd, &o.query.Limit)
	flags.BoolVar(&o.json, "json", false, "one JSON object a line")
	return cmd
}

func (a *app) runsLs(ctx context.Context, c *config.Config, o runsLsOptions) (err error) {
	if err := checkLimit(o.query.Limit); err != nil {
		return err
	}
	l, err := openLedgerForReading(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	// Leases first: what has ended since is told so by its run.
	leases, err := l.Leases(ctx)
	if err != nil {
		return err
	}
	runs, err := l.Runs(ctx, o.query)
	if err != nil {
		return err
	}
	held, now := byTask(leases), time.Now()
	if o.json {
		out := json.NewEncoder(a.out)
		for _, r := range runs {
			if err := out.Encode(runStateJSON(r, held, now)); err != nil {
				return err
			}
		}
		return nil
	}
	table := term.NewTable(a.colours(), term.Column{Name: "id", Right: true}, term.Column{Name: "task or command"},
		term.Column{Name: "started"}, term.Column{Name: "took", Right: true}, term.Column{Name: "outcome"}, term.Column{Name: "why"})
	for _, r := range runs {
		state := stateOf(r, held, now)
		table.Row(fmt.Sprint(r.ID), nameOfRun(r), r.Started.Format(time.DateTime), took(r, state, now), state, whyOf(r, 80))
	}
	return table.Write(a.out)
}
