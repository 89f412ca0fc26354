package main

import (
	"context"
	"errors"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
)

// archiveTask archives what is new in the sources of a schedule, as the command
// archive does. A source that can't be opened is a failure, and keeps no other.
func (a *app) archiveTask(w workplace, s config.Schedule) (taskFunc, error) {
	if len(s.Sources) == 0 {
		return nil, errNoSource
	}
	return func(ctx context.Context, _ ledger.Run) (report, error) {
		inputs, unopened := a.inputsOf(s.Sources, archive.NewBudget(memory))
		if len(inputs) == 0 {
			return nil, unopened
		}
		run := a.archiving(w.config, w.store, w.ledger, false)
		run.Inputs = inputs
		summary, err := a.archiveFrom(ctx, w, run)
		return archiveReport{Summary: summary}, errors.Join(err, unopened)
	}, nil
}

func (a *app) archiveFrom(ctx context.Context, w workplace, run archive.Config) (archive.Summary, error) {
	if !w.watched {
		return a.unwatched(ctx, run, archive.Run)
	}
	var total int64
	if a.showsProgress() {
		total = bytesOf(run.Inputs)
	}
	return a.watched(ctx, run, total, archive.Run)
}
