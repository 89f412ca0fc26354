package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/cmd/internal/config"
	"logstow/cmd/internal/term"
)

type retainOptions struct {
	dryRun bool
	yes    bool
	json   bool
}

func (a *app) retainCommand() *cobra.Command {
	var o retainOptions
	cmd := &cobra.Command{
		Use:   "retain",
		Short: "Remove what policies say is not to be kept any longer",
		Long: `Do what the policies of the configuration say, in two steps: what they say has
expired is marked, and what was marked is removed when retain.grace is over.
Without a policy that says so nothing ever expires. What is on hold stays, and
what the store locks stays until it doesn't; both are named, and the exit status
is 3. Erasures that a hold had kept from happening happen.

Where a policy lets far more expire than it used to, nothing is marked or removed
until --yes says that this is meant: --dry-run lists it. Far more is more than
1,000 documents and more than ten times as many as usual.`,
		Example: `  logstow retain --dry-run
  logstow retain --json
  logstow retain explain j-AEcaNzd9-dGQ4Bf`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.retain(cmd.Context(), c, o)
		},
	}
	cmd.AddCommand(a.retainExplainCommand(), a.retainCancelCommand(), a.retainLifecycleCommand())
	statuses(cmd, exitOK, exitFailed, exitUsage, exitPartial, exitUnavailable, exitInterrupted)
	storeFlag(cmd)
	ledgerFlag(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&o.dryRun, "dry-run", false, "list what would be done to which document, and by which policy; write nothing")
	flags.BoolVar(&o.yes, "yes", false, "go on also where a policy lets far more expire than it used to")
	flags.BoolVar(&o.json, "json", false, "print the summary as one JSON object; with --dry-run one object for each document")
	return cmd
}

func (a *app) retain(ctx context.Context, c *config.Config, o retainOptions) (err error) {
	s, l, err := openForWriting(ctx, c, o.dryRun)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	w := workplace{config: c, store: s, ledger: l, watched: true}
	if !slices.ContainsFunc(c.Retain.Policies, func(p retain.Policy) bool { return !p.ExpireAfter.IsZero() }) {
		a.say("no policy says that anything expires")
	}
	if o.dryRun {
		return a.planExpiry(ctx, w, o)
	}
	how := recording{ledger: l, command: "retain", log: a.log}
	did, err := recorded(ctx, how, func(ctx context.Context) (retainReport, error) {
		return a.retainWith(ctx, w, o.yes)
	})
	return errors.Join(err, a.printReport(did, o.json))
}

// retainWith does what the policies say.
func (a *app) retainWith(ctx context.Context, w workplace, yes bool) (retainReport, error) {
	run := expiring(w)
	run.Yes = yes
	var err error
	if run.Store, err = a.conditional(ctx, w.store); err != nil {
		return retainReport{}, err
	}
	named := newLoggedNotices(ctx, a.log)
	if w.watched {
		progress := a.startProgress("documents")
		defer a.endProgress(progress)
		named = newNotices(progress)
		run.Progress = func(did retain.Expired) {
			progress.Update(term.State{Count: did.Looked + did.Removed, Bytes: did.RemovedBytes})
		}
	}
	defer named.close()
	run.Notice = keptNotice(named)
	did, err := retain.Expire(ctx, run)
	return retainReport{Expired: did}, keptPartial(did, err)
}

// expiring is what an expiry needs, as the configuration says.
func expiring(w workplace) retain.ExpireConfig {
	return retain.ExpireConfig{
		Config:   retain.Config{Store: w.store, Ledger: w.ledger},
		Policies: w.config.Retain.Policies, Grace: w.config.Retain.Grace,
	}
}

// keptNotice names what was left as it was.
func keptNotice(named *notices) func(key, reason string) {
	return func(key, reason string) {
		named.add(archive.Notice{What: "kept", Offset: -1, Key: key, Reason: reason})
	}
}

// keptPartial is errPartial where a run came to its end and left something.
func keptPartial(did retain.Expired, err error) error {
	if err == nil && did.Held+did.Retained > 0 {
		return errPartial
	}
	return err
}

// planExpiry lists what would be done.
func (a *app) planExpiry(ctx context.Context, w workplace, o retainOptions) error {
	run := expiring(w)
	run.DryRun, run.Yes = true, o.yes
	named := newNotices(a.err)
	run.Notice = keptNotice(named)
	var failed error
	list := json.NewEncoder(a.out)
	run.Each = func(what retain.What, d ledger.Document, m ledger.Mark) {
		switch line := newExpiryLine(what, d, m); {
		case failed != nil:
		case o.json:
			failed = list.Encode(line)
		default:
			failed = line.print(a.out)
		}
	}
	did, err := retain.Expire(ctx, run)
	named.close()
	err = errors.Join(keptPartial(did, err), failed)
	if o.json {
		return err
	}
	return errors.Join(err, a.printReport(retainReport{did, true}, false))
}

// expiryLine is what would be done to a document. Its JSON form is what retain
// --dry-run --json prints a line; it only grows.
type expiryLine struct {
	What   retain.What `json:"what"`
	Policy string      `json:"policy,omitempty"`
	Due    time.Time   `json:"due,omitzero"` // from when on it may be removed
	Key    string      `json:"key"`
	User   string      `json:"user"`
	Recipe string      `json:"recipe_id"`
	Job    string      `json:"job_id"`
	Kind   string      `json:"kind"`
	Status string      `json:"status"`
	Time   time.Time   `json:"time"`
	Size   int64       `json:"size"`
}

func newExpiryLine(what retain.What, d ledger.Document, m ledger.Mark) expiryLine {
	return expiryLine{
		What: what, Policy: m.Policy, Due: m.Due, Key: d.Key, User: d.User, Recipe: d.Recipe, Job: d.Job,
		Kind: d.Kind, Status: d.Status, Time: d.Time, Size: d.Size,
	}
}

// print prints what, by which policy, and the key.
func (l expiryLine) print(w io.Writer) error {
	by := "-"
	if l.Policy != "" {
		by = l.Policy
	}
	_, err := fmt.Fprintf(w, "%-7s %-16s %s\n", l.What, term.Printable(by), term.Printable(l.Key))
	return err
}

// retainReport is what an expiry did.
type retainReport struct {
	retain.Expired
	dryRun bool
}

func (r retainReport) print(w io.Writer) error {
	lines := summaryLines{w: w, dryRun: r.dryRun}
	lines.count("marked", r.Marked, fmt.Sprintf("of %s as old as a policy asks", counted(r.Looked, "document")))
	lines.nonzero("unmarked", r.Unmarked, "not to expire any more, or by another policy")
	lines.text("removed", fmt.Sprintf("%s, %s", counted(r.Removed, "document"), term.Size(r.RemovedBytes)))
	lines.nonzero("in segments", r.InSegments, "removed ones, whose segments are rewritten within 31 days")
	lines.nonzero("rewritten", r.Rewritten, "segments, without what has expired")
	lines.nonzero("erased", r.Erased, "versions whose erasure was not finished, or kept by a hold until now")
	lines.nonzero("waiting", r.Waiting, "marked, and removed when their grace is over")
	lines.nonzero("held", r.Held, "kept by holds")
	lines.nonzero("retained", r.Retained, "objects that the store does not let go")
	took := time.Duration(r.DurationSeconds * float64(time.Second))
	lines.text("took", took.Round(10*time.Millisecond).String())
	return lines.print()
}
