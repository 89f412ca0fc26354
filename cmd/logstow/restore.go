package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"logstow/archive/compact"
	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/cmd/internal/config"
	"logstow/cmd/internal/term"
	"logstow/export"
	"logstow/layout/jobfile"
	"logstow/layout/segment"
)

type restoreOptions struct {
	jobs     []string
	query    ledger.Query
	from, to string
	month    string
	all      bool
	json     bool
}

func (a *app) restoreCommand() *cobra.Command {
	var o restoreOptions
	cmd := &cobra.Command{
		Use:   "restore {JOB… | --user USER … | --month MONTH | --all}",
		Short: "Copy documents out of segments, back to files of their own",
		Long: `Copy documents out of the segments that they lie in, back to their own keys,
byte for byte, with what lay beside them and their metadata. From then on they are
read from there. For tools that read the files themselves: ls, cat and export find
documents wherever they lie.

A later logstow compact packs them again, unless they are on hold or a policy says
otherwise. It may be interrupted and repeated.`,
		Example: `  logstow restore j-AEcaNzd9-dGQ4Bf
  logstow restore --user 1234 --month 2024-03
  logstow restore --recipe 77 --status failed --since 2024-01-01 --until 2024-06-30 --json`,
		PreRunE: noEmptySelection,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			o.jobs = args
			return a.restore(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitPartial, exitDamage, exitNotFound, exitUnavailable, exitInterrupted)
	storeFlag(cmd)
	ledgerFlag(cmd)
	flags := cmd.Flags()
	settingFlag(flags, "concurrency", "archive.concurrency", "`number` of documents written at once (default: what fits the store)")
	flags.StringVar(&o.query.User, "user", "", "only this `user`'s")
	flags.StringVar(&o.query.Recipe, "recipe", "", "only this `recipe`'s, or events of this type")
	flags.StringSliceVar(&o.query.Statuses, "status", nil, "only jobs of this `status`; may be repeated")
	flags.StringSliceVar(&o.query.Kinds, "kind", nil, "only this `kind`: job, activity, log or genie; may be repeated")
	flags.StringVar(&o.from, "since", "", "only from this `day` or RFC 3339 time on, UTC")
	flags.StringVar(&o.to, "until", "", "only up to and including this `day`, or before this RFC 3339 time, UTC")
	flags.StringVar(&o.month, "month", "", "only this `month`, such as 2024-03")
	flags.BoolVar(&o.all, "all", false, "everything there is")
	flags.BoolVar(&o.json, "json", false, "print the summary as one JSON object")
	return cmd
}

func (a *app) restore(ctx context.Context, c *config.Config, o restoreOptions) (err error) {
	query, err := o.completed()
	if err != nil {
		return err
	}
	s, l, err := openForWriting(ctx, c, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	queries, err := o.queries(ctx, l, query)
	if err != nil {
		return err
	}
	w := workplace{config: c, store: s, ledger: l, watched: true}
	how := recording{ledger: l, command: "restore", log: a.log}
	did, err := recorded(ctx, how, func(ctx context.Context) (restoreReport, error) {
		return a.restoreWith(ctx, w, queries)
	})
	return errors.Join(err, a.printReport(did, o.json))
}

// completed is the query with the options that need to be read first.
func (o restoreOptions) completed() (ledger.Query, error) {
	q := o.query
	selected := len(o.jobs) > 0 || q.User != "" || q.Recipe != "" || len(q.Statuses) > 0 || len(q.Kinds) > 0 ||
		o.from != "" || o.to != "" || o.month != ""
	switch {
	case o.all == selected && o.all:
		return q, usagef("--all is everything: select something or say --all, not both")
	case o.all == selected:
		return q, usagef("name jobs, or select them with --user, --recipe, --status, --kind, --since, --until or --month; --all is everything")
	case o.month != "" && (o.from != "" || o.to != ""):
		return q, usagef("--month is from its first to its last day: use it, or --since and --until")
	}
	for _, k := range q.Kinds {
		if _, err := jobfile.ParseKind(k); err != nil {
			return q, usagef("--kind: %w", err)
		}
	}
	if o.month != "" {
		month, err := parseMonth(o.month)
		q.From, q.To = month, month.AddDate(0, 1, 0)
		return q, err
	}
	var err error
	if q.From, err = parseTime("--since", o.from, 0); err != nil {
		return q, err
	}
	if q.To, err = parseTime("--until", o.to, 24*time.Hour); err != nil {
		return q, err
	}
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		return q, usagef("--since %s is not before --until %s", o.from, o.to)
	}
	return q, nil
}

// queries is one for each job that is named, or the one there is. A job that isn't
// there, or that several users have, is refused before anything is done.
func (o restoreOptions) queries(ctx context.Context, l *ledger.Ledger, query ledger.Query) ([]ledger.Query, error) {
	if len(o.jobs) == 0 {
		return []ledger.Query{query}, nil
	}
	var all []ledger.Query
	for _, id := range o.jobs {
		job, err := export.Find(ctx, l, export.Wanted{ID: id, User: query.User, Recipe: query.Recipe})
		if err != nil {
			return nil, err
		}
		one := query
		one.User, one.Recipe, one.Job = job.User, job.Recipe, job.ID
		if !slices.ContainsFunc(all, func(q ledger.Query) bool { return q.User == one.User && q.Recipe == one.Recipe && q.Job == one.Job }) {
			all = append(all, one)
		}
	}
	return all, nil
}

func (a *app) restoreWith(ctx context.Context, w workplace, queries []ledger.Query) (did restoreReport, err error) {
	if err := retain.LoadHolds(ctx, retain.Config{Store: w.store, Ledger: w.ledger}); err != nil {
		return did, err
	}
	s, err := a.conditional(ctx, w.store)
	if err != nil {
		return did, err
	}
	progress := a.startProgress("restored")
	defer a.endProgress(progress)
	named := newNotices(progress)
	defer named.close()
	c := compact.Config{Store: s, Ledger: w.ledger, Concurrency: concurrency(w.config), Notice: leftNotice(named)}
	began := time.Now()
	var errs []error
	for _, q := range queries {
		before := did
		one, err := compact.Restore(ctx, c, q, func(r compact.Restored) {
			progress.Update(term.State{Count: before.Documents + r.Documents, Bytes: before.Bytes + r.Bytes})
		})
		did.add(one)
		if err = leftOnly(err); err != nil {
			errs = append(errs, err)
		}
		if err != nil && !onlyPartial(err) {
			break
		}
	}
	did.DurationSeconds = time.Since(began).Seconds()
	return did, errors.Join(errs...)
}

// leftOnly makes errPartial, or export.ErrDamaged, of an error that is about
// documents that were left where they are, each of which was named.
func leftOnly(err error) error {
	switch {
	case errors.Is(err, segment.ErrDamaged), errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", export.ErrDamaged, err)
	case errors.Is(err, fs.ErrExist):
		return errPartial
	default:
		return err
	}
}

// restoreReport is what was restored.
type restoreReport struct{ compact.Restored }

func (r *restoreReport) add(more compact.Restored) {
	r.Documents += more.Documents
	r.Bytes += more.Bytes
	r.AlreadyThere += more.AlreadyThere
	r.Left += more.Left
}

func (r restoreReport) print(w io.Writer) error {
	lines := summaryLines{w: w}
	lines.text("restored", fmt.Sprintf("%s, %s", counted(r.Documents, "document"), term.Size(r.Bytes)))
	lines.nonzero("already there", r.AlreadyThere, "documents that were files of their own")
	lines.nonzero("left", r.Left, "documents that could not be copied out")
	took := time.Duration(r.DurationSeconds * float64(time.Second))
	lines.text("took", took.Round(10*time.Millisecond).String())
	return lines.print()
}
