package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/cmd/internal/config"
	"logstow/cmd/internal/term"
)

type eraseOptions struct {
	jobs         []string
	user, recipe string
	event        bool
	all          bool
	reason       string
	by           string
	yes          bool
	dryRun       bool
	json         bool
}

func (a *app) eraseCommand() *cobra.Command {
	var o eraseOptions
	cmd := &cobra.Command{
		Use:   "erase {JOB… | --user USER --all} --reason REASON",
		Short: "Erase jobs, or everything of a user, for good",
		Long: `Erase jobs, or everything of a user, for good: documents and events, every version
of them, the full records behind capped ones, rows in segments, which are made anew
without them, files made for download, and of a user what is in quarantine. It is on
record in the store, with ids and hashes alone, so that the same records are refused
when they come again, also by a ledger that is made anew. At the end it looks whether
anything is left.

What is on hold stays until that is released, and is erased then by logstow retain.
What the bucket has locked stays until it lets go, and is tried again by the task
sweep. It may be interrupted and repeated.

On a terminal it asks; elsewhere say --yes.`,
		Example: `  logstow erase j-AEcaNzd9-dGQ4Bf --reason 'request 4711' --dry-run
  logstow erase 4711 4712 --user 1234 --reason 'request 4711' --yes
  logstow erase --user 1234 --all --reason 'the contract ended' --yes --json`,
		PreRunE: noEmptySelection,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			o.jobs = args
			return a.erase(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitPartial, exitNotFound, exitUnavailable, exitInterrupted)
	storeFlag(cmd)
	ledgerFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.user, "user", "", "whose jobs: of this `user`, where several have one of an id; with --all, of whom everything is erased")
	flags.StringVar(&o.recipe, "recipe", "", "of which `recipe`, where several have one of an id")
	flags.BoolVar(&o.event, "event", false, "look among events only")
	flags.BoolVar(&o.all, "all", false, "everything of the user")
	flags.StringVar(&o.reason, "reason", "", "`why`, to be kept on record")
	byFlag(flags, &o.by)
	flags.BoolVar(&o.yes, "yes", false, "don't ask whether it is meant")
	flags.BoolVar(&o.dryRun, "dry-run", false, "list what would be erased, write nothing")
	flags.BoolVar(&o.json, "json", false, "print the summary as one JSON object; with --dry-run one object for each version")
	return cmd
}

func (o eraseOptions) check() error {
	switch {
	case o.all && (len(o.jobs) > 0 || o.recipe != "" || o.event):
		return usagef("--all is everything of the user: name jobs or say --user USER --all, not both")
	case o.all && o.user == "":
		return usagef("say whose everything: --user USER --all")
	case !o.all && len(o.jobs) == 0:
		return usagef("name the jobs to erase, or say --user USER --all")
	case strings.TrimSpace(o.reason) == "" && !o.dryRun:
		return usagef("say why with --reason: it is kept on record")
	}
	return nil
}

func (a *app) erase(ctx context.Context, c *config.Config, o eraseOptions) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	if !o.yes && !o.dryRun && !a.mayAsk() {
		return usagef("what is erased is gone for good: say --yes where nobody can be asked, and --dry-run to see what it would be")
	}
	s, l, err := openForWriting(ctx, c, o.dryRun)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	whose, err := whoseRecords(c)
	if err != nil {
		return err
	}
	r := retain.Config{Store: s, Ledger: l, Whose: whose}
	if o.all {
		return a.eraseUser(ctx, r, o)
	}
	return a.eraseJobs(ctx, r, o)
}

// why is what is kept on record of the erasure.
func (o eraseOptions) why() retain.Why {
	by := whoever(o.by)
	return retain.Why{By: by, Reason: o.reason, Audit: ledger.AuditEntry{
		At: time.Now(), Action: "delete", User: o.user, Outcome: "ok", Detail: "logstow erase by " + by + ": " + o.reason,
	}}
}

// mayAsk tells whether somebody can be asked.
func (a *app) mayAsk() bool { return term.IsTerminal(a.in) && term.IsTerminal(a.err) }

// confirmed asks for a word to be typed. The error says that something else was.
func (a *app) confirmed(question, word string) error {
	fmt.Fprintf(a.err, "%s\nType %s to go on: ", term.Printable(question), term.Printable(word))
	line, err := bufio.NewReader(a.in).ReadString('\n')
	switch {
	case strings.TrimSpace(line) == word:
		return nil
	case err != nil && !errors.Is(err, io.EOF):
		return fmt.Errorf("read the answer: %w", err)
	}
	return usagef("not confirmed: nothing was erased")
}

// whatIsKept names on stderr what holds and the store keep, and returns what else an
// error says; errPartial where that is all.
func (a *app) whatIsKept(err error) error {
	held, isHeld := errors.AsType[*retain.HeldError](err)
	kept, isKept := errors.AsType[*store.RetainedError](err)
	if isHeld {
		fmt.Fprintln(a.err, "logstow: "+held.Error())
	}
	if isKept {
		fmt.Fprintf(a.err, "logstow: the store does not let go of %s%s: %v\n", counted(int64(len(kept.Keys)), "object"), untilText(kept.Until), kept.Err)
		for _, key := range kept.Keys[:min(len(kept.Keys), maxNotices)] {
			fmt.Fprintln(a.err, "logstow: retained "+term.Printable(key))
		}
	}
	if isHeld || isKept {
		return errPartial
	}
	return err
}

func untilText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " until " + moment(t)
}

// leftError says that something is left that should be gone.
func (a *app) leftError(left []string) error {
	if len(left) == 0 {
		return nil
	}
	for _, key := range left[:min(len(left), maxNotices)] {
		fmt.Fprintln(a.err, "logstow: left "+term.Printable(key))
	}
	return fmt.Errorf("%s should be gone and are not: logstow check says what they are", counted(int64(len(left)), "object"))
}
