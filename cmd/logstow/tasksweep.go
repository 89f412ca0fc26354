package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/cmd/internal/term"
	"logstow/export"
	"logstow/export/queue"
)

// keepRuns is how long a run stays on record after it has ended.
const keepRuns = 400 * 24 * time.Hour

// sweepReport is what the task sweep did.
type sweepReport struct {
	Files    int   `json:"files"`    // of exports, removed; versions of them where the store keeps those
	Versions int   `json:"versions"` // of jobs, whose unfinished deletion was finished
	Runs     int64 `json:"runs"`     // forgotten
}

func (r sweepReport) print(w io.Writer) error {
	lines := summaryLines{w: w}
	lines.count("removed", int64(r.Files), "files of exports")
	lines.nonzero("deleted", int64(r.Versions), "versions of jobs whose deletion was unfinished")
	lines.nonzero("forgotten", r.Runs, "runs that ended more than 400 days ago")
	return lines.print()
}

// sweepTask removes what nobody can ask for any more. What one part can't
// doesn't keep the others.
func (a *app) sweepTask(w workplace) (taskFunc, error) {
	exporter, err := export.New(export.Config{Store: w.store, Ledger: w.ledger, Fields: fieldMaps(w.config)})
	if err != nil {
		return nil, err
	}
	exports, err := queue.New(queue.Config{Exporter: exporter, Store: w.store, Ledger: w.ledger, Log: a.log})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, r ledger.Run) (report, error) {
		var did sweepReport
		var errs [3]error
		did.Files, errs[0] = exports.Sweep(ctx, r.Started)
		if ctx.Err() == nil {
			did.Versions, errs[1] = finishErasures(ctx, w, r)
		}
		if ctx.Err() == nil {
			did.Runs, errs[2] = w.ledger.ForgetRuns(ctx, r.Started.Add(-keepRuns))
		}
		return did, errors.Join(errs[:]...)
	}, nil
}

// finishErasures goes on with deletions that a process didn't live to finish.
func finishErasures(ctx context.Context, w workplace, r ledger.Run) (int, error) {
	c := retain.Config{Store: w.store, Ledger: w.ledger}
	why := retain.Why{
		By: "task " + r.Task, Reason: "begun before, and not finished",
		Audit: ledger.AuditEntry{At: r.Started, Action: "delete", Outcome: "ok"},
	}
	n, err := retain.ResumeAll(ctx, c, why)
	if err != nil {
		return n, fmt.Errorf("finish deletions: %s finished: %w", term.Count(int64(n)), err)
	}
	return n, nil
}
