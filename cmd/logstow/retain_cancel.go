package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
	"logstow/export"
)

type retainCancelOptions struct {
	query  ledger.MarkQuery
	all    bool
	dryRun bool
	json   bool
}

func (a *app) retainCancelCommand() *cobra.Command {
	var o retainCancelOptions
	cmd := &cobra.Command{
		Use:   "cancel {JOB | --user U | --recipe R | --policy P | --all}",
		Short: "Take marks away, before anything is removed",
		Long: `Take away the marks of what is to expire and is not removed yet. Where the
policies still let it expire, the next run of retain marks it again, and its grace
begins anew: to keep it, change the policy or place a hold.`,
		Example: `  logstow retain cancel j-AEcaNzd9-dGQ4Bf
  logstow retain cancel --policy 90-days --dry-run`,
		PreRunE: noEmptySelection,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("%d jobs where there is one: %s", len(args), cmd.UseLine())
			}
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				o.query.Job = args[0]
			}
			return a.retainCancel(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitNotFound, exitUnavailable, exitInterrupted)
	storeFlag(cmd)
	ledgerFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.query.User, "user", "", "only this `user`'s")
	flags.StringVar(&o.query.Recipe, "recipe", "", "only this `recipe`'s, or events of this type")
	flags.StringVar(&o.query.Policy, "policy", "", "only what this `policy` let expire")
	flags.BoolVar(&o.all, "all", false, "all of them")
	flags.BoolVar(&o.dryRun, "dry-run", false, "list whose marks would be taken away, write nothing")
	flags.BoolVar(&o.json, "json", false, "print the summary as one JSON object; with --dry-run one object for each document")
	return cmd
}

func (a *app) retainCancel(ctx context.Context, c *config.Config, o retainCancelOptions) (err error) {
	switch none := o.query == (ledger.MarkQuery{}); {
	case none && !o.all:
		return usagef("whose marks? name a job, --user, --recipe or --policy, or say --all")
	case !none && o.all:
		return usagef("--all takes every mark away: say it alone")
	}
	open := openLedgerForWriting
	if o.dryRun {
		open = openLedgerForReading
	}
	l, err := open(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	how := recording{ledger: l, command: "retain cancel", dryRun: o.dryRun, log: a.log}
	did, err := recorded(ctx, how, func(ctx context.Context) (cancelled, error) {
		return a.cancelMarks(ctx, l, o)
	})
	switch {
	case err != nil:
		return err
	case o.query.Job != "" && did.Unmarked == 0:
		return fmt.Errorf("a mark of job %s: %w", o.query.Job, export.ErrNotFound)
	case o.dryRun:
		return nil
	case o.json:
		return json.NewEncoder(a.out).Encode(did)
	}
	a.say("%s: what policies still let expire the next run marks again", counted(did.Unmarked, "mark")+" taken away")
	return nil
}

// cancelled is what a run of retain cancel did.
type cancelled struct {
	Unmarked int64 `json:"unmarked"`
}

// cancelPage is how many marks are taken away at once.
const cancelPage = 1000

func (a *app) cancelMarks(ctx context.Context, l *ledger.Ledger, o retainCancelOptions) (did cancelled, err error) {
	var page []int64
	flush := func() error {
		n, err := l.Unmark(ctx, page)
		did.Unmarked += n
		page = page[:0]
		return err
	}
	for m, err := range l.Marks(ctx, o.query) {
		if err != nil {
			return did, err
		}
		if o.dryRun {
			did.Unmarked++
			if err := a.printUnmark(m, o.json); err != nil {
				return did, err
			}
			continue
		}
		if page = append(page, m.ID); len(page) < cancelPage {
			continue
		}
		if err := flush(); err != nil {
			return did, err
		}
	}
	if o.dryRun {
		return did, nil
	}
	return did, flush()
}

func (a *app) printUnmark(m ledger.Marked, asJSON bool) error {
	line := newExpiryLine("unmark", m.Document, m.Mark)
	if asJSON {
		return json.NewEncoder(a.out).Encode(line)
	}
	return line.print(a.out)
}
