package main

import (
	"context"

	"logstow/archive/ledger"
)

// compactTask packs what it is time for, as the command compact does.
func (a *app) compactTask(w workplace) taskFunc {
	return func(ctx context.Context, _ ledger.Run) (report, error) {
		return a.compactWith(ctx, w, compactOptions{})
	}
}
