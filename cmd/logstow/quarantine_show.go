package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"logstow/cmd/internal/config"
	"logstow/export"
)

func (a *app) quarantineShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   "Print a quarantined record's raw bytes, exactly",
		Example: "  logstow quarantine show 17 > record.json",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			ids, err := quarantineIDs(args)
			if err != nil {
				return err
			}
			return a.quarantineShow(cmd.Context(), c, ids)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitDamage, exitNotFound, exitUnavailable)
	storeFlag(cmd)
	ledgerFlag(cmd)
	return cmd
}

func (a *app) quarantineShow(ctx context.Context, c *config.Config, ids []int64) error {
	s, l, err := openForReading(ctx, c)
	if err != nil {
		return err
	}
	found, err := findQuarantined(ctx, l, ids)
	if err := errors.Join(err, l.Close()); err != nil {
		return err
	}
	return export.WriteQuarantined(ctx, s, a.out, found[0])
}
