package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"logstow/archive"
	"logstow/cmd/internal/term"
)

// runOptions says how a run that archives is recorded and told about.
type runOptions struct {
	command string
	json    bool
	total   int64 // bytes to read; 0 where unknown
}

// runArchive runs do with everything that people and programs are told while
// it runs and after it.
func (a *app) runArchive(ctx context.Context, run archive.Config, o runOptions,
	do func(context.Context, archive.Config) (archive.Summary, error),
) error {
	progress := a.startProgress("records")
	named := newNotices(progress)
	run.Notice = named.add
	run.Progress = func(s archive.Summary) {
		progress.Update(term.State{Count: s.Read, Bytes: s.ReadBytes, Total: o.total})
	}
	how := recording{ledger: run.Ledger, command: o.command, dryRun: run.DryRun, log: a.log}
	summary, err := recorded(ctx, how, func() (archive.Summary, error) {
		summary, err := do(ctx, run)
		if err == nil && summary.Partial() {
			err = errPartial
		}
		return summary, err
	})
	a.endProgress(progress)
	named.close()
	return errors.Join(err, a.printSummary(summary, run.DryRun, o.json))
}

// printSummary prints what a run did.
func (a *app) printSummary(s archive.Summary, dryRun, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(a.out).Encode(s)
	}
	if a.quiet {
		return nil
	}
	lines := summaryLines{dryRun: dryRun, w: a.out}
	lines.text("archived", fmt.Sprintf("%s jobs and %s events, %s", term.Count(s.Archived), term.Count(s.Events), term.Size(s.Bytes)))
	lines.nonzero("archived before", s.AlreadyArchived, "")
	lines.nonzero("revisions", s.Revisions, "other content for a job that was there")
	lines.nonzero("capped", s.Capped, "lines left out for size")
	lines.nonzero("quarantined", s.Quarantined, "see logstow quarantine ls")
	lines.nonzero("refused", s.Refused, "erased, expired or dropped before")
	lines.nonzero("unverified", s.Unverified, "there already, but may not be read")
	lines.nonzero("unreadable", s.Unreadable, "files not read to their end")
	lines.nonzero("skipped", s.Skipped, "of kinds that were not asked for")
	return lines.close(fmt.Sprintf("%s records", term.Count(s.Read)), s.DurationSeconds)
}
