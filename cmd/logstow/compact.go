package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"logstow/archive"
	"logstow/archive/compact"
	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/archive/store/probe"
	"logstow/cmd/internal/config"
	"logstow/cmd/internal/term"
)

type compactOptions struct {
	user   string
	month  time.Time // zero: all
	after  bool      // --after was given, and holds whatever policies say
	dryRun bool
	json   bool
}

func (a *app) compactCommand() *cobra.Command {
	var o compactOptions
	var month string
	cmd := &cobra.Command{
		Use:   "compact",
		Short: "Pack the documents of past months into segments",
		Long: `Pack documents into segments: Parquet files of many documents of one user and
month. ls, cat and export give the same answers and bytes as before. A month is
packed when it is over and its documents have been files of their own for as long
as compact.after or a policy says, or earlier where they are many. What is on hold
is left alone. The documents' own files are removed by a run a day later.

It may be interrupted and repeated. --dry-run says for each month of each user
what would be done, and why or why not.`,
		Example: `  logstow compact --dry-run
  logstow compact --user 1234 --month 2024-03 --after 0s
  logstow compact --json`,
		Args:    cobra.NoArgs,
		PreRunE: noEmptySelection,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			o.after = cmd.Flags().Changed("after")
			if o.month, err = parseMonth(month); err != nil {
				return err
			}
			return a.compact(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitPartial, exitUnavailable, exitInterrupted)
	storeFlag(cmd)
	ledgerFlag(cmd)
	flags := cmd.Flags()
	settingFlag(flags, "concurrency", "archive.concurrency", "`number` of documents read at once (default: what fits the store)")
	settingFlag(flags, "after", "compact.after", "`how long` documents stay files of their own, whatever policies say: 30d, 0s")
	flags.StringVar(&o.user, "user", "", "only this `user`'s")
	flags.StringVar(&month, "month", "", "only this `month`, such as 2024-03")
	flags.BoolVar(&o.dryRun, "dry-run", false, "say what would be done and why, write nothing")
	flags.BoolVar(&o.json, "json", false, "print the summary as one JSON object; with --dry-run one object for each month of a user")
	return cmd
}

// parseMonth reads a month, and returns its first instant; zero for none.
func parseMonth(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	month, err := time.Parse("2006-01", s)
	if err != nil {
		return time.Time{}, usagef("--month %q is not a month: use one such as 2024-03", s)
	}
	return month, nil
}

func (a *app) compact(ctx context.Context, c *config.Config, o compactOptions) (err error) {
	s, l, err := openForWriting(ctx, c, o.dryRun)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	w := workplace{config: c, store: s, ledger: l, watched: true}
	if o.dryRun {
		return a.planCompaction(ctx, w, o)
	}
	how := recording{ledger: l, command: "compact", log: a.log}
	did, err := recorded(ctx, how, func(ctx context.Context) (compactReport, error) {
		return a.compactWith(ctx, w, o)
	})
	return errors.Join(err, a.printReport(did, o.json))
}

// compactWith compacts what it is time for.
func (a *app) compactWith(ctx context.Context, w workplace, o compactOptions) (compactReport, error) {
	if err := retain.LoadHolds(ctx, retain.Config{Store: w.store, Ledger: w.ledger}); err != nil {
		return compactReport{}, err
	}
	run, err := a.compacting(ctx, w, o)
	if err != nil {
		return compactReport{}, err
	}
	named := newLoggedNotices(ctx, a.log)
	if w.watched {
		progress := a.startProgress("packed")
		defer a.endProgress(progress)
		named = newNotices(progress)
		run.Progress = func(s compact.Summary) {
			progress.Update(term.State{Count: s.Packed, Bytes: s.PackedBytes})
		}
	}
	defer named.close()
	run.Notice = leftNotice(named)
	did, err := compact.Run(ctx, run)
	if err == nil && did.Left+did.Retained > 0 {
		err = errPartial
	}
	return compactReport{did}, err
}

// leftNotice names what was left as it was.
func leftNotice(named *notices) func(compact.Notice) {
	return func(n compact.Notice) {
		named.add(archive.Notice{What: "left", Offset: -1, Key: n.Key, Reason: n.Reason})
	}
}

// compacting is what a compaction needs, as the configuration says.
func (a *app) compacting(ctx context.Context, w workplace, o compactOptions) (compact.Config, error) {
	run := compact.Config{
		Store: w.store, Ledger: w.ledger,
		After: compactAfter(w.config, o.after), Grace: w.config.Compact.Grace,
		Concurrency: concurrency(w.config),
		User:        o.user, Month: o.month, DryRun: o.dryRun,
	}
	if o.dryRun {
		return run, nil
	}
	var err error
	run.Store, err = a.conditional(ctx, w.store)
	return run, err
}

// conditional returns a store of which no Put if absent replaces what is there.
func (a *app) conditional(ctx context.Context, s store.Store) (store.Store, error) {
	ok, err := probe.Conditional(ctx, s)
	if err != nil || ok {
		return s, err
	}
	a.log.WarnContext(ctx, "store has no conditional writes: looking before each write instead; no one else may write there meanwhile")
	return store.StatFirst(s), nil
}

// compactAfter says how long documents stay files of their own: as a policy says,
// or else as is configured; where that is forced, whatever policies say, but for
// what one says is never packed.
func compactAfter(c *config.Config, forced bool) func(*ledger.Document) (time.Duration, bool) {
	const unsaid = -1
	return func(d *ledger.Document) (time.Duration, bool) {
		wait, ok := c.Retain.Policies.CompactAfter(d, unsaid)
		if ok && (wait == unsaid || forced) {
			return c.Compact.After.For, !c.Compact.After.Never
		}
		return wait, ok
	}
}

// compactReport is what a compaction did.
type compactReport struct{ compact.Summary }

func (r compactReport) print(w io.Writer) error {
	lines := summaryLines{w: w}
	lines.text("packed", fmt.Sprintf("%s, %s, of %s looked at", counted(r.Packed, "document"), term.Size(r.PackedBytes), counted(r.Partitions, "month")))
	lines.text("written", fmt.Sprintf("%s, %s", counted(r.Segments, "segment"), term.Size(r.SegmentBytes)))
	lines.nonzero("merged", r.Merged, "segments that were replaced by larger ones")
	lines.nonzero("removed", r.InputsRemoved, "files of documents that lie in segments")
	lines.nonzero("gone", r.SegmentsRemoved, "segments that were replaced, or never finished")
	lines.nonzero("waiting", r.Waiting, "files and segments that go when their grace is over")
	lines.nonzero("left", r.Left, "documents left as they are although it was their turn")
	lines.nonzero("retained", r.Retained, "files that the store does not let go")
	took := time.Duration(r.DurationSeconds * float64(time.Second))
	lines.text("took", took.Round(10*time.Millisecond).String())
	return lines.print()
}
