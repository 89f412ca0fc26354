package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"logstow/archive"
	"logstow/archive/check"
	"logstow/cmd/internal/config"
	"logstow/cmd/internal/term"
	"logstow/export"
)

type checkOptions struct {
	deep   bool
	sample float64 // from 0 to 1
	repair bool
	dryRun bool // of a repair
	json   bool
}

func (a *app) checkCommand() *cobra.Command {
	var o checkOptions
	var sample string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Find what is missing, damaged or unaccounted for",
		Long: `Compare the store with the ledger, both ways, and change nothing. That each
object is there and has its size is told by the store's listing; --deep also
reads every object and compares its SHA-256, --sample a part of them, another
one each time. It may run beside everything else.

Each finding is named on standard error. What is missing or damaged is damage:
exit status 4. Everything else costs nothing but room, and ends with status 0:
what the ledger doesn't know, what interrupted runs left, what isn't logstow's.

--repair has the ledger say what the store holds: what the ledger doesn't know is
adopted, documents that are not where it says are looked for under their own
keys and in segments, and what it counts is counted again. It names each, never
changes the store, and checks again: the exit status says what is left.`,
		Example: `  logstow check --store 's3://bucket?region=eu-central-1'
  logstow check --sample 1% --json
  logstow check --deep
  logstow check --repair --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			if sample != "" {
				if o.deep {
					return usagef("--deep reads everything, --sample a part: use one of them")
				}
				if o.sample, err = config.ParseSample(sample); err != nil {
					return usagef("--sample %q: %w", sample, err)
				}
			}
			if o.dryRun && !o.repair {
				return usagef("--dry-run is for --repair: a check alone changes nothing")
			}
			return a.check(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitDamage, exitUnavailable, exitInterrupted)
	storeFlag(cmd)
	ledgerFlag(cmd)
	flags := cmd.Flags()
	settingFlag(flags, "concurrency", "archive.concurrency", "`number` of requests at once (default: what fits the store)")
	flags.BoolVar(&o.deep, "deep", false, "read every object and compare its SHA-256")
	flags.StringVar(&sample, "sample", "", "read this `part` of the objects, such as 1%, and compare their SHA-256")
	flags.BoolVar(&o.repair, "repair", false, "have the ledger say what the store holds, and check again")
	flags.BoolVar(&o.dryRun, "dry-run", false, "say what --repair would do, write nothing")
	flags.BoolVar(&o.json, "json", false, "print the summary as one JSON object")
	return cmd
}

func (a *app) check(ctx context.Context, c *config.Config, o checkOptions) (err error) {
	s, l, err := openForWriting(ctx, c, o.dryRun) // the run is recorded
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	w := workplace{config: c, store: s, ledger: l, watched: true}
	how := recording{ledger: l, command: "check", dryRun: o.dryRun, log: a.log}
	do := a.checkWith
	if o.repair {
		how.command, do = "check --repair", a.repair
	}
	did, err := recorded(ctx, how, func(ctx context.Context) (checkReport, error) { return do(ctx, w, o) })
	return errors.Join(err, a.printReport(did, o.json))
}

// checkWith compares a store with its ledger. The error is a damageFound where
// there is damage.
func (a *app) checkWith(ctx context.Context, w workplace, o checkOptions) (checkReport, error) {
	return a.checkFor(ctx, w, o, nil)
}

// checkFor is checkWith that notes in found, where that isn't nil, what may be
// mended.
func (a *app) checkFor(ctx context.Context, w workplace, o checkOptions, found *wrong) (checkReport, error) {
	run := check.Config{
		Store: w.store, Ledger: w.ledger, Deep: o.deep, Sample: o.sample,
		Concurrency: concurrency(w.config),
	}
	named := newLoggedNotices(ctx, a.log)
	if w.watched {
		progress := a.startProgress("checked")
		defer a.endProgress(progress)
		named = newNotices(progress)
		run.Progress = func(s check.Summary) {
			progress.Update(term.State{Count: s.Objects + s.Documents, Bytes: s.ReadBytes})
		}
	}
	defer named.close()
	run.Finding = func(f check.Finding) {
		named.add(archive.Notice{What: string(f.Kind), Offset: -1, Key: f.Key, Reason: f.Reason})
		if found != nil {
			found.add(f)
		}
	}
	if found != nil {
		run.Lost = found.lose
	}
	did, err := check.Run(ctx, run)
	if err != nil {
		return checkReport{Summary: did, cut: true}, err
	}
	if did.Damage > 0 {
		err = damageFound(did.Damage)
	}
	return checkReport{Summary: did}, err
}

// damageFound is how much damage a check found. It is export.ErrDamaged: what
// the store holds is not what was recorded.
type damageFound int64

// Error says how much.
func (n damageFound) Error() string {
	if n == 1 {
		return "1 finding is damage"
	}
	return term.Count(int64(n)) + " findings are damage"
}

// Is makes it export.ErrDamaged.
func (n damageFound) Is(target error) bool { return target == export.ErrDamaged }

// checkReport is what a check found.
type checkReport struct {
	check.Summary
	Mended *repaired `json:"mended,omitempty"` // before that
	dryRun bool      // nothing was, but would have been
	cut    bool      // it did not come to its end
}

// remarks say what each kind of finding means.
var remarks = map[check.Kind]string{
	check.Missing:  "the ledger has it, the store does not",
	check.Damaged:  "not what was recorded",
	check.Orphaned: "the ledger does not know it: logstow adopt takes it in",
	check.Doubled:  "one version under two keys, or recorded twice",
	check.Foreign:  "not logstow's",
	check.Leftover: "of interrupted runs and deletions",
	check.Drift:    "the ledger's counts, or its index of jobs, are not those of its rows",
}

func (r checkReport) print(w io.Writer) error {
	lines := summaryLines{w: w, dryRun: r.dryRun}
	if r.Mended != nil {
		r.Mended.lines(&lines)
	}
	lines.text("checked", fmt.Sprintf("%s of the ledger, %s of the store", counted(r.Documents, "document"), counted(r.Objects, "object")))
	for _, kind := range check.Kinds() {
		lines.nonzero(string(kind), r.Findings[kind], remarks[kind])
	}
	damage := "none"
	if r.Damage > 0 {
		damage = term.Count(r.Damage)
	}
	if r.cut {
		damage += " so far: the check did not come to its end"
	}
	lines.text("damage", damage)
	read := fmt.Sprintf("%s, %s", counted(r.Read, "object"), term.Size(r.ReadBytes))
	return lines.close(read, r.DurationSeconds)
}
