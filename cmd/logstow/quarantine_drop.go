package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"logstow/archive"
	"logstow/cmd/internal/config"
)

type quarantineDropOptions struct {
	ids    []int64
	all    bool
	yes    bool
	dryRun bool
}

func (a *app) quarantineDropCommand() *cobra.Command {
	var o quarantineDropOptions
	cmd := &cobra.Command{
		Use:   "drop {ID… | --all --yes}",
		Short: "Remove quarantined records for good",
		Long: `Remove quarantined records for good, their raw bytes too. quarantine ls --all
still lists them. What was dropped is printed, one number a line.`,
		Example: `  logstow quarantine drop 17 18
  logstow quarantine drop --all --yes`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			if o.ids, err = quarantineIDs(args); err != nil {
				return err
			}
			return a.quarantineDrop(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitNotFound, exitUnavailable, exitInterrupted)
	storeFlag(cmd)
	ledgerFlag(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&o.all, "all", false, "all of them")
	flags.BoolVar(&o.yes, "yes", false, "don't ask whether --all is meant")
	flags.BoolVar(&o.dryRun, "dry-run", false, "print what would be dropped, write nothing")
	return cmd
}

func (a *app) quarantineDrop(ctx context.Context, c *config.Config, o quarantineDropOptions) (err error) {
	switch {
	case len(o.ids) > 0 && o.all:
		return usagef("name records or say --all, not both")
	case len(o.ids) == 0 && !o.all:
		return usagef("name the records to drop, or say --all --yes: see logstow quarantine ls")
	case o.all && !o.yes && !o.dryRun:
		return usagef("--all drops every quarantined record for good: say --yes too")
	}
	s, l, err := openForWriting(ctx, c, o.dryRun)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	found, err := findQuarantined(ctx, l, o.ids)
	if err != nil {
		return err
	}
	var ids []int64
	for _, q := range found {
		ids = append(ids, q.ID)
	}
	how := recording{ledger: l, command: "quarantine drop", dryRun: o.dryRun, log: a.log}
	dropped, err := recorded(ctx, how, func(ctx context.Context) (dropSummary, error) {
		if o.dryRun || len(ids) == 0 {
			return dropSummary{ids}, nil
		}
		return dropSummary{ids}, archive.DropQuarantined(ctx, s, l, ids...)
	})
	if err != nil {
		return err
	}
	for _, id := range dropped.Dropped {
		if _, err := fmt.Fprintln(a.out, id); err != nil {
			return err
		}
	}
	return nil
}

// dropSummary is what the ledger keeps of a run of quarantine drop.
type dropSummary struct {
	Dropped []int64 `json:"dropped"`
}
