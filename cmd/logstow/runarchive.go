package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"logstow/archive"
	"logstow/cmd/internal/term"
)

// runOptions says how a run that archives is recorded and told about.
type runOptions struct {
	command string
	json    bool
	total   int64 // bytes to read; 0 where unknown
}

// archiveFunc is what is done in a run that archives.
type archiveFunc func(context.Context, archive.Config) (archive.Summary, error)

// runArchive runs do as a run of its own, with everything that people and
// programs are told while it runs and after it.
func (a *app) runArchive(ctx context.Context, run archive.Config, o runOptions, do archiveFunc) error {
	how := recording{ledger: run.Ledger, command: o.command, dryRun: run.DryRun, log: a.log}
	summary, err := recorded(ctx, how, func(ctx context.Context) (archive.Summary, error) {
		return a.watched(ctx, run, o.total, do)
	})
	return errors.Join(err, a.printReport(archiveReport{summary, run.DryRun}, o.json))
}

// watched runs do with people before it: its progress and its notices go to
// stderr.
func (a *app) watched(ctx context.Context, run archive.Config, total int64, do archiveFunc) (archive.Summary, error) {
	progress := a.startProgress("records")
	named := newNotices(progress)
	run.Notice = named.add
	run.Progress = func(s archive.Summary) {
		progress.Update(term.State{Count: s.Read, Bytes: s.ReadBytes, Total: total})
	}
	summary, err := do(ctx, run)
	a.endProgress(progress)
	named.close()
	return summary, partial(summary, err)
}

// unwatched runs do with its notices in the log.
func (a *app) unwatched(ctx context.Context, run archive.Config, do archiveFunc) (archive.Summary, error) {
	named := newLoggedNotices(ctx, a.log)
	run.Notice = named.add
	summary, err := do(ctx, run)
	named.close()
	return summary, partial(summary, err)
}

// partial is errPartial where a run came to its end but not everything went as
// usual.
func partial(s archive.Summary, err error) error {
	if err == nil && s.Partial() {
		return errPartial
	}
	return err
}

// archiveReport is what a run that archives did.
type archiveReport struct {
	archive.Summary
	dryRun bool
}

func (r archiveReport) print(w io.Writer) error {
	s := r.Summary
	lines := summaryLines{dryRun: r.dryRun, w: w}
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

// printReport prints what was done: as JSON for programs, else for people
// unless they want it quiet.
func (a *app) printReport(did report, asJSON bool) error {
	switch {
	case asJSON:
		return json.NewEncoder(a.out).Encode(did)
	case a.quiet:
		return nil
	default:
		return did.print(a.out)
	}
}
