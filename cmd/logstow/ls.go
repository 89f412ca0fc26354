package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
	"logstow/layout/jobfile"
)

type lsOptions struct {
	query    ledger.Query
	from, to string
	json     bool
}

func (a *app) lsCommand() *cobra.Command {
	var o lsOptions
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List archived jobs and events, newest first",
		Long: `List archived jobs and events, newest first. Every version of a job has a
line of its own; a revision is other content that came for a job that was
archived already.

With --json each line is one object; job_id and recipe_id of an event are its
id and its type.`,
		Example: `  logstow ls --user 1234 --status failed --from 2026-11-01 --to 2026-11-30
  logstow ls --kind activity --limit 0 --json | jq -r .key
  logstow ls --job j-AEcaNzd9-dGQ4Bf`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.ls(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage)
	storeFlag(cmd)
	ledgerFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.query.User, "user", "", "only this `user`'s")
	flags.StringVar(&o.query.Recipe, "recipe", "", "only this `recipe`'s, or events of this type")
	flags.StringVar(&o.query.Job, "job", "", "only this `job` or event")
	flags.StringSliceVar(&o.query.Statuses, "status", nil, "only jobs of this `status`; may be repeated")
	flags.StringSliceVar(&o.query.Kinds, "kind", nil, "only this `kind`: job, activity, log or genie; may be repeated")
	flags.StringVar(&o.from, "from", "", "only from this `day` or RFC 3339 time on, UTC")
	flags.StringVar(&o.to, "to", "", "only up to and including this `day`, or before this RFC 3339 time, UTC")
	limitFlag(cmd, &o.query.Limit)
	flags.BoolVar(&o.json, "json", false, "one JSON object a line")
	return cmd
}

func (a *app) ls(ctx context.Context, c *config.Config, o lsOptions) (err error) {
	query, err := o.completed()
	if err != nil {
		return err
	}
	l, err := openLedgerForReading(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	limit := query.Limit
	if limit > 0 {
		query.Limit++ // tells whether there is more
	}
	list, count := a.newListing(o.json), 0
	defer func() { err = errors.Join(err, list.close()) }()
	for d, err := range l.Documents(ctx, query) {
		if err != nil {
			return err
		}
		if count++; limit > 0 && count > limit {
			a.say("there are more than these %d: list all with --limit 0", limit)
			break
		}
		if err := list.add(d); err != nil {
			return err
		}
	}
	return nil
}

// completed is the query with the options that need to be read first.
func (o lsOptions) completed() (ledger.Query, error) {
	q := o.query
	for _, k := range q.Kinds {
		if _, err := jobfile.ParseKind(k); err != nil {
			return q, usagef("--kind: %w", err)
		}
	}
	if err := checkLimit(q.Limit); err != nil {
		return q, err
	}
	var err error
	if q.From, err = parseTime("--from", o.from, 0); err != nil {
		return q, err
	}
	if q.To, err = parseTime("--to", o.to, 24*time.Hour); err != nil {
		return q, err
	}
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		return q, usagef("--from %s is not before --to %s", o.from, o.to)
	}
	return q, nil
}

// parseTime reads a day, to which it adds dayPlus, or an RFC 3339 time.
func parseTime(flag, s string, dayPlus time.Duration) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return day.Add(dayPlus), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, usagef("%s %q is neither a day (2026-11-21) nor an RFC 3339 time (2026-11-21T18:00:00Z)", flag, s)
	}
	return t.UTC(), nil
}
