package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
	"logstow/cmd/internal/term"
	"logstow/layout/jobfile"
)

type adoptOptions struct {
	prefix string
	dryRun bool
	json   bool
}

func (a *app) adoptCommand() *cobra.Command {
	var o adoptOptions
	cmd := &cobra.Command{
		Use:   "adopt",
		Short: "Fill the ledger from a store that something else filled",
		Long: `Walk through a store and record in the ledger what it holds: the way to take
over a bucket that a platform itself has been writing to, and to rebuild a
ledger that was lost. Nothing in the store is changed. It may be interrupted
and repeated. Until a store was adopted as a whole, without --prefix, archive
refuses a ledger that was new.`,
		Example: `  logstow adopt --store 's3://bucket?region=eu-central-1'
  logstow adopt --store s3://bucket --prefix 1234/ --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.adopt(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitPartial, exitUnavailable, exitInterrupted)
	storeFlag(cmd)
	ledgerFlag(cmd)
	flags := cmd.Flags()
	settingFlag(flags, "concurrency", "archive.concurrency", "`number` of documents read at once (default: what fits the store)")
	settingFlag(flags, "user", "archive.user", "the `user` of every record, whatever it says")
	flags.StringVar(&o.prefix, "prefix", "", "only keys that begin `so`")
	flags.BoolVar(&o.dryRun, "dry-run", false, "say what would be recorded, write nothing")
	flags.BoolVar(&o.json, "json", false, "print the summary as one JSON object")
	return cmd
}

func (a *app) adopt(ctx context.Context, c *config.Config, o adoptOptions) (err error) {
	reader, err := jobfile.NewReader(jobfile.Config{User: c.Archive.User, Fields: c.Archive.Fields})
	if err != nil {
		return usageError{err}
	}
	s, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	l, err := openForAdopting(ctx, c, o.dryRun)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLedger(l)) }()
	progress := a.startProgress("objects")
	named := newNotices(progress)
	run := archive.AdoptConfig{
		Store: s, Ledger: l, Reader: reader,
		Prefix: o.prefix, Concurrency: concurrency(c), DryRun: o.dryRun,
		Log: a.log, Notice: named.add,
		Progress: func(s archive.AdoptSummary) {
			progress.Update(term.State{Count: s.Listed, Bytes: s.Bytes})
		},
	}
	how := recording{ledger: l, command: adoptRun(c), dryRun: o.dryRun, log: a.log}
	summary, err := recorded(ctx, how, func(ctx context.Context) (archive.AdoptSummary, error) {
		return adoptAll(ctx, run, c)
	})
	a.endProgress(progress)
	named.close()
	return errors.Join(err, a.printAdopted(summary, o))
}

// adoptAll fills the ledger and then ties it to the store. Until it is tied,
// archive refuses to use it; so an adoption that was interrupted is finished
// before anything is archived beside it.
func adoptAll(ctx context.Context, run archive.AdoptConfig, c *config.Config) (archive.AdoptSummary, error) {
	summary, err := archive.Adopt(ctx, run)
	if err != nil {
		return summary, err
	}
	if !run.DryRun && run.Prefix == "" {
		if _, err := run.Ledger.Bind(ctx, storeName(c.Store)); err != nil {
			return summary, err
		}
	}
	if summary.Damaged > 0 {
		return summary, errPartial
	}
	return summary, nil
}

// adoptRun is what the ledger calls an adoption of the store.
func adoptRun(c *config.Config) string { return "adopt " + storeName(c.Store) }

// openForAdopting opens the ledger that is to be filled. One that is tied to
// another store is refused, and so is one that isn't tied yet but into which
// another store's adoption was begun.
func openForAdopting(ctx context.Context, c *config.Config, dryRun bool) (*ledger.Ledger, error) {
	if c.Ledger == "" {
		return nil, usagef("no ledger: name it with --ledger")
	}
	fresh, err := isFresh(ctx, c)
	if err != nil {
		return nil, err
	}
	if dryRun {
		return openForDryRun(ctx, c, nil)
	}
	l, err := ledger.Open(ctx, ledger.Config{Path: c.Ledger})
	if err != nil {
		return nil, err
	}
	if fresh {
		if err := refuseOtherAdoption(ctx, c, l); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return l, nil
}

func refuseOtherAdoption(ctx context.Context, c *config.Config, l *ledger.Ledger) error {
	runs, err := l.Runs(ctx, ledger.RunQuery{})
	if err != nil {
		return err
	}
	for _, r := range runs {
		if r.Command != adoptRun(c) {
			return usagef("%s was begun for another store (%s): name another ledger with --ledger", c.Ledger, r.Command)
		}
	}
	return nil
}

func (a *app) printAdopted(s archive.AdoptSummary, o adoptOptions) error {
	if o.json {
		return json.NewEncoder(a.out).Encode(s)
	}
	if a.quiet {
		return nil
	}
	lines := summaryLines{dryRun: o.dryRun, w: a.out}
	lines.count("adopted", s.Adopted, "")
	lines.nonzero("segments", s.Segments, "what lies in them is adopted")
	lines.nonzero("erased", s.Erased, "what erasures name; what is still there of it logstow retain removes")
	lines.nonzero("quarantined", s.Quarantined, "see logstow quarantine ls")
	lines.nonzero("recorded before", s.AlreadyRecorded, "")
	lines.nonzero("unknown", s.Unknown, "left alone")
	lines.nonzero("damaged", s.Damaged, "left alone")
	return lines.close(fmt.Sprintf("%s objects", term.Count(s.Listed)), s.DurationSeconds)
}
