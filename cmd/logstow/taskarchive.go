package main

import (
	"context"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
)

// archiveTask archives what is new in the sources of a schedule, as the command
// archive does.
func (a *app) archiveTask(w workplace, s config.Schedule) (taskFunc, error) {
	if _, err := a.inputsOf(s.Sources, archive.NewBudget(memory)); err != nil {
		return nil, err // rather now than at every run
	}
	return func(ctx context.Context, _ ledger.Run) (report, error) {
		inputs, err := a.inputsOf(s.Sources, archive.NewBudget(memory))
		if err != nil {
			return nil, err
		}
		run := a.archiving(w.config, w.store, w.ledger, false)
		run.Inputs = inputs
		summary, err := a.archiveFrom(ctx, w, run)
		return archiveReport{Summary: summary}, err
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
