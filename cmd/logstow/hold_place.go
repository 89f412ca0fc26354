package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/cmd/internal/config"
	"logstow/cmd/internal/term"
	"logstow/export"
	"logstow/layout"
	"logstow/layout/jobfile"
)

type holdPlaceOptions struct {
	jobs     []string
	scope    layout.Scope
	from, to string
	all      bool
	reason   string
	by       string
	json     bool
}

func (a *app) holdPlaceCommand() *cobra.Command {
	var o holdPlaceOptions
	cmd := &cobra.Command{
		Use:   "place {JOB… | --user USER … | --all} --reason REASON",
		Short: "Place a hold on jobs, or on all that is selected, now and later",
		Long: `Place a hold: on each job that is named, or one on all that is selected. What is
on hold is not removed and not packed, whatever policies and erasures say, until it
is released; what is selected and archived later is on hold from then on. What lies
in a segment is copied out to a file of its own. On a bucket with Object Lock it
gets the bucket's legal hold too, as far as it is archived by now.

The hold's id is printed once the store has it. What is being removed already can't
be held: ten of it are named, and the exit status is 1.`,
		Example: `  logstow hold place j-AEcaNzd9-dGQ4Bf --reason 'case 2026-17'
  logstow hold place --user 1234 --recipe 77 --since 2026-01-01 --reason 'case 2026-17'
  logstow hold place --all --reason 'audit' --by 'legal department'`,
		PreRunE: noEmptySelection,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			o.jobs = args
			return a.holdPlace(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitNotFound, exitUnavailable, exitInterrupted)
	storeFlag(cmd)
	ledgerFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.scope.User, "user", "", "only this `user`'s")
	flags.StringVar(&o.scope.Recipe, "recipe", "", "only this `recipe`'s, or events of this type")
	flags.StringSliceVar(&o.scope.Statuses, "status", nil, "only jobs of this `status`; may be repeated")
	flags.StringSliceVar(&o.scope.Kinds, "kind", nil, "only this `kind`: job, activity, log or genie; may be repeated")
	flags.StringVar(&o.from, "since", "", "only from this `day` or RFC 3339 time on, UTC")
	flags.StringVar(&o.to, "until", "", "only up to and including this `day`, or before this RFC 3339 time, UTC")
	flags.BoolVar(&o.all, "all", false, "everything, now and later")
	flags.StringVar(&o.reason, "reason", "", "`why`, to be kept on record")
	byFlag(flags, &o.by)
	flags.BoolVar(&o.json, "json", false, "one JSON object for each hold")
	return cmd
}

// placedJSON is a line of hold place --json. It only grows.
type placedJSON struct {
	holdJSON
	retain.Placed
}

func (a *app) holdPlace(ctx context.Context, c *config.Config, o holdPlaceOptions) (err error) {
	if err := o.complete(); err != nil {
		return err
	}
	s, l, err := openForWriting(ctx, c, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	scopes, err := o.scopes(ctx, l)
	if err != nil {
		return err
	}
	how := recording{ledger: l, command: "hold place", log: a.log}
	_, err = recorded(ctx, how, func(ctx context.Context) ([]placedJSON, error) {
		var all []placedJSON
		var errs []error
		for _, scope := range scopes {
			did, err := a.placeHold(ctx, retain.Config{Store: s, Ledger: l}, scope, o)
			if did.ID != "" {
				all = append(all, did)
			}
			if errs = append(errs, err); ctx.Err() != nil {
				break
			}
		}
		return all, errors.Join(errs...)
	})
	return err
}

// complete reads the options that need to be read first.
func (o *holdPlaceOptions) complete() (err error) {
	selected := o.from != "" || o.to != "" || len(o.scope.Statuses) > 0 || len(o.scope.Kinds) > 0
	named := selected || o.scope.User != "" || o.scope.Recipe != ""
	switch {
	case len(o.jobs) > 0 && (o.all || selected):
		return usagef("name jobs, with --user and --recipe where several have one of an id, or select, or say --all: not both")
	case o.all && named:
		return usagef("--all is everything: select something or say --all, not both")
	case len(o.jobs) == 0 && !o.all && !named:
		return usagef("name jobs, or select them with --user, --recipe, --status, --kind, --since or --until; --all is everything")
	case strings.TrimSpace(o.reason) == "":
		return usagef("say why with --reason: it is kept on record")
	}
	for _, k := range o.scope.Kinds {
		if _, err := jobfile.ParseKind(k); err != nil {
			return usagef("--kind: %w", err)
		}
	}
	if o.scope.From, err = parseTime("--since", o.from, 0); err != nil {
		return err
	}
	if o.scope.To, err = parseTime("--until", o.to, 24*time.Hour); err != nil {
		return err
	}
	if !o.scope.From.IsZero() && !o.scope.To.IsZero() && !o.scope.From.Before(o.scope.To) {
		return usagef("--since %s is not before --until %s", o.from, o.to)
	}
	return nil
}

// scopes is what the holds are to be about.
func (o *holdPlaceOptions) scopes(ctx context.Context, l *ledger.Ledger) ([]layout.Scope, error) {
	if len(o.jobs) == 0 {
		return []layout.Scope{o.scope}, nil
	}
	var scopes []layout.Scope
	for _, id := range o.jobs {
		job, err := export.Find(ctx, l, export.Wanted{ID: id, User: o.scope.User, Recipe: o.scope.Recipe})
		if errors.Is(err, export.ErrNotFound) {
			if gone := leaving(ctx, l, o.scope.User, id); gone != nil {
				err = gone
			}
		}
		if err != nil {
			return nil, err
		}
		scope := layout.Scope{User: job.User, Recipe: o.scope.Recipe, Job: job.ID}
		if !slices.ContainsFunc(scopes, func(s layout.Scope) bool { return s.User == scope.User && s.Job == scope.Job }) {
			scopes = append(scopes, scope)
		}
	}
	return scopes, nil
}

// leaving is a *retain.LeavingError where a job is being removed.
func leaving(ctx context.Context, l *ledger.Ledger, user, job string) error {
	all, err := l.Versions(ctx, user, job)
	if err != nil {
		return err
	}
	var those []ledger.Document
	for _, d := range all {
		if d.State == ledger.Deleting || d.State == ledger.Expiring {
			those = append(those, d)
		}
	}
	if len(those) == 0 {
		return nil
	}
	return &retain.LeavingError{Documents: those}
}

// placeHold places one hold and prints it, also where not all of it could be done.
func (a *app) placeHold(ctx context.Context, c retain.Config, scope layout.Scope, o holdPlaceOptions) (placedJSON, error) {
	progress := a.startProgress("held")
	h := ledger.Hold{Scope: scope, By: whoever(o.by), Reason: o.reason}
	did, err := retain.Place(ctx, c, h, func(p retain.Placed) {
		progress.Update(term.State{Count: p.Documents + p.Locked})
	})
	a.endProgress(progress)
	if did.Hold.ID == "" {
		return placedJSON{}, err
	}
	entry := ledger.AuditEntry{
		At: time.Now(), Action: "hold place", User: scope.User, Job: scope.Job, Outcome: "ok",
		Detail: did.Hold.ID + " by " + did.Hold.By + ": " + did.Hold.Reason,
	}
	if err != nil {
		entry.Outcome, entry.Detail = "failed", did.Hold.ID+": "+err.Error()
	}
	err = errors.Join(err, c.Ledger.Audit(context.WithoutCancel(ctx), entry))
	placed := placedJSON{holdOf(did.Hold), did}
	return placed, errors.Join(err, a.printPlaced(placed, o.json))
}

func (a *app) printPlaced(p placedJSON, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(a.out).Encode(p)
	}
	a.say("hold %s is placed on %s: %s archived by now, %s of them copied out of segments, %s under the bucket's legal hold",
		p.ID, term.Printable(scopeText(p.Scope)), counted(p.Documents, "document"), term.Count(p.TakenOut), term.Count(p.Locked))
	_, err := fmt.Fprintln(a.out, p.ID)
	return err
}
