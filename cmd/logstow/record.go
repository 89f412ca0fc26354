package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"logstow/archive/ledger"
)

// recordTimeout is how long the end of a run may take to be recorded after the
// run was interrupted.
const recordTimeout = 30 * time.Second

// recorded runs do as a run of command that is recorded in the ledger, with
// the summary that it returns; but not where the run is dry.
func recorded[S any](ctx context.Context, l *ledger.Ledger, command string, dryRun bool, do func() (S, error)) (S, error) {
	if dryRun {
		return do()
	}
	run, err := l.StartRun(ctx, command, time.Now())
	if err != nil {
		var none S
		return none, err
	}
	summary, err := do()
	run.Ended, run.Outcome = time.Now(), outcome(ctx, err)
	text, jsonErr := json.Marshal(summary)
	run.Summary = string(text)
	// The end is recorded also when ctx has ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	return summary, errors.Join(err, jsonErr, l.EndRun(ctx, run))
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
