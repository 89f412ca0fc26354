package main

import (
	"context"
	"fmt"

	"logstow/archive"
	"logstow/archive/check"
	"logstow/archive/ledger"
	"logstow/cmd/internal/term"
	"logstow/layout/jobfile"
)

// repaired is what check --repair mended in the ledger, or would.
type repaired struct {
	Adopted     int64 `json:"adopted"`     // documents that the ledger did not know
	Segments    int64 `json:"segments"`    // that it did not know
	Erased      int64 `json:"erased"`      // versions that an erasure names, and it did not know
	Quarantined int64 `json:"quarantined"` // records that it did not know
	Relocated   int64 `json:"relocated"`   // documents that lie elsewhere than it said
	Recounted   int64 `json:"recounted"`   // kinds and states of documents that it had counted wrong
	Reindexed   int64 `json:"reindexed"`   // documents that it did not find by their jobs; some of them where there are many
}

// wrong is what of a check's findings may be mended.
type wrong struct {
	orphans map[string]bool // keys that the ledger doesn't know
	lost    []int64         // documents that aren't where the ledger says
	drift   bool
}

func newWrong() *wrong { return &wrong{orphans: map[string]bool{}} }

func (w *wrong) add(f check.Finding) {
	switch f.Kind {
	case check.Orphaned:
		w.orphans[f.Key] = true
	case check.Drift:
		w.drift = true
	}
}

func (w *wrong) lose(d ledger.Document) { w.lost = append(w.lost, d.ID) }

// repair checks, has the ledger say what the store holds as far as that can be
// told, and checks again. For a dry run it says what it would do.
func (a *app) repair(ctx context.Context, w workplace, o checkOptions) (checkReport, error) {
	// Before the check, which looks rows up by their jobs.
	var mended repaired
	if err := a.reindex(ctx, w, o, &mended); err != nil {
		return checkReport{cut: true}, err
	}
	found := newWrong()
	did, err := a.checkFor(ctx, w, o, found)
	if did.cut {
		return did, err
	}
	mendErr := a.mend(ctx, w, o, found, &mended)
	did.Mended, did.dryRun = &mended, o.dryRun
	if mendErr != nil {
		did.cut = true
		return did, mendErr
	}
	if o.dryRun || mended == (repaired{}) {
		return did, err
	}
	did, err = a.checkFor(ctx, w, o, nil)
	did.Mended = &mended
	return did, err
}

// reindex makes the ledger's index of jobs anew where it is not that of its rows.
func (a *app) reindex(ctx context.Context, w workplace, o checkOptions, r *repaired) error {
	what, reindex := "reindexed", w.ledger.Reindex
	if o.dryRun {
		what, reindex = "would be reindexed", w.ledger.JobFaults
	}
	faults, err := reindex(ctx)
	if err != nil {
		return err
	}
	progress := a.startProgress("mended")
	defer a.endProgress(progress)
	named := newNotices(progress)
	defer named.close()
	for _, f := range faults {
		if f.Doubled {
			continue
		}
		r.Reindexed++
		named.add(archive.Notice{What: what, Offset: -1, Key: check.LedgerKey, Reason: f.Reason})
	}
	return nil
}

// mend records what the store holds, and names it.
func (a *app) mend(ctx context.Context, w workplace, o checkOptions, found *wrong, r *repaired) error {
	progress := a.startProgress("mended")
	defer a.endProgress(progress)
	named := newNotices(progress)
	defer named.close()
	say := func(what, key, reason string) {
		if o.dryRun {
			what = "would be " + what
		}
		named.add(archive.Notice{What: what, Offset: -1, Key: key, Reason: reason})
	}
	// What is found elsewhere may lie in a segment that isn't known before.
	if err := a.mendOrphans(ctx, w, o, found, r, say, named); err != nil {
		return err
	}
	var err error
	r.Relocated, err = check.Relocate(ctx, check.RelocateConfig{
		Store: w.store, Ledger: w.ledger, Concurrency: concurrency(w.config), DryRun: o.dryRun,
		Found: func(d ledger.Document, in string) { say("relocated", d.Key, "it lies in "+in) },
	}, found.lost)
	if err != nil || !found.drift {
		return err
	}
	recount := w.ledger.Recount
	if o.dryRun {
		recount = w.ledger.Drifts
	}
	drifts, err := recount(ctx)
	for _, d := range drifts {
		say("recounted", check.LedgerKey, fmt.Sprintf("%s documents of kind %q that are %s", term.Count(d.Documents), d.Kind, d.State))
	}
	r.Recounted = int64(len(drifts))
	return err
}

// mendOrphans adopts what the ledger doesn't know, and what erasures say.
func (a *app) mendOrphans(ctx context.Context, w workplace, o checkOptions, found *wrong, r *repaired,
	say func(what, key, reason string), named *notices,
) error {
	reader, err := jobfile.NewReader(jobfile.Config{User: w.config.Archive.User, Fields: w.config.Archive.Fields})
	if err != nil {
		return usageError{err}
	}
	s, err := archive.Adopt(ctx, archive.AdoptConfig{
		Store: w.store, Ledger: w.ledger, Reader: reader, Concurrency: concurrency(w.config), DryRun: o.dryRun,
		Only: func(key string) bool { return found.orphans[key] },
		Log:  a.log, Notice: named.add,
		Adopted: func(key string) { say("adopted", key, "the store holds it") },
	})
	r.Adopted, r.Segments, r.Erased, r.Quarantined = s.Adopted, s.Segments, s.Erased, s.Quarantined
	return err
}

// lines says what was mended.
func (r *repaired) lines(l *summaryLines) {
	l.nonzero("adopted", r.Adopted, "documents that the ledger did not know")
	l.nonzero("segments", r.Segments, "that the ledger did not know")
	l.nonzero("erased", r.Erased, "versions that erasures name")
	l.nonzero("quarantined", r.Quarantined, "records that the ledger did not know")
	l.nonzero("relocated", r.Relocated, "documents that lie elsewhere than the ledger said")
	l.nonzero("recounted", r.Recounted, "kinds of documents")
	l.nonzero("reindexed", r.Reindexed, "documents that were not found by their jobs")
}
