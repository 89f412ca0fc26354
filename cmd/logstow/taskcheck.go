package main

import (
	"context"

	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
)

// checkTask compares the store with the ledger, as the command check does.
func (a *app) checkTask(w workplace, s config.Schedule) taskFunc {
	o := checkOptions{deep: s.Check.Deep, sample: s.Check.Sample}
	return func(ctx context.Context, _ ledger.Run) (report, error) {
		return a.checkWith(ctx, w, o)
	}
}
