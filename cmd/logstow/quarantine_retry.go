package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"logstow/archive"
	"logstow/cmd/internal/config"
	"logstow/layout/jobfile"
)

type quarantineRetryOptions struct {
	ids    []int64
	dryRun bool
	json   bool
}

func (a *app) quarantineRetryCommand() *cobra.Command {
	var o quarantineRetryOptions
	cmd := &cobra.Command{
		Use:   "retry [ID…]",
		Short: "Take quarantined records in again, all of them where none is named",
		Long: `Take quarantined records in again, all of them where none is named: after an
update of logstow, say, or with a --user or a field map in the configuration.
What can be archived now leaves the quarantine.`,
		Example: `  logstow quarantine retry
  logstow quarantine retry 17 18 --user 1234`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			if o.ids, err = quarantineIDs(args); err != nil {
				return err
			}
			return a.quarantineRetry(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitPartial, exitNotFound, exitUnavailable, exitInterrupted)
	storeFlag(cmd)
	ledgerFlag(cmd)
	writingFlags(cmd)
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "say what would be done, write nothing")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the summary as one JSON object")
	return cmd
}

func (a *app) quarantineRetry(ctx context.Context, c *config.Config, o quarantineRetryOptions) (err error) {
	reader, err := jobfile.NewReader(jobfile.Config{Fields: c.Archive.Fields, User: c.Archive.User})
	if err != nil {
		return usageError{err}
	}
	s, l, err := openForWriting(ctx, c, o.dryRun)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if _, err := findQuarantined(ctx, l, o.ids); err != nil {
		return err
	}
	run := a.archiving(c, s, l, o.dryRun)
	return a.runArchive(ctx, run, runOptions{command: "quarantine retry", json: o.json}, func(ctx context.Context, run archive.Config) (archive.Summary, error) {
		return archive.Retry(ctx, run, reader, o.ids...)
	})
}
