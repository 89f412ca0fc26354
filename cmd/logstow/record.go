package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"logstow/archive/ledger"
)

// recordTimeout is how long the end of a run may take to be recorded after the
// run was interrupted.
const recordTimeout = 30 * time.Second

// recording says how a run is recorded.
type recording struct {
	ledger  *ledger.Ledger
	command string
	dryRun  bool // then the ledger isn't written to
	log     *slog.Logger
}

// recorded runs do as a run that is recorded in the ledger and the log, with
// the summary that it returns. What do logs with its context says which run it
// is.
func recorded[S any](ctx context.Context, r recording, do func(context.Context) (S, error)) (S, error) {
	run := ledger.Run{Command: r.command, Started: time.Now()}
	if !r.dryRun {
		var err error
		if run, err = r.ledger.StartRun(ctx, r.command, run.Started); err != nil {
			var none S
			return none, err
		}
	}
	ctx = withRun(ctx, run.ID)
	r.log.InfoContext(ctx, "run started", "command", r.command, "dry_run", r.dryRun)
	summary, err := do(ctx)
	run.Ended, run.Outcome = time.Now(), outcome(ctx, err)
	if run.Outcome == "failed" {
		run.Error = err.Error()
	}
	text, jsonErr := json.Marshal(summary)
	run.Summary = string(text)
	r.log.InfoContext(ctx, "run ended", "command", r.command, "outcome", run.Outcome, "summary", run.Summary)
	if r.dryRun {
		return summary, errors.Join(err, jsonErr)
	}
	// The end is recorded also when ctx has ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	return summary, errors.Join(err, jsonErr, r.ledger.EndRun(ctx, run))
}

// outcome is how the ledger calls the way in which a run ended.
func outcome(ctx context.Context, err error) string {
	switch statusOf(ctx, err) {
	case exitOK:
		return "ok"
	case exitPartial:
		return "partial"
	case exitInterrupted:
		return "interrupted"
	default:
		return "failed"
	}
}
