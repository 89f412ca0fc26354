package main

import (
	"context"
	"fmt"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/export"
)

// eraser deletes jobs for the API.
type eraser struct {
	store  store.Store
	ledger *ledger.Ledger
}

// Erase deletes every version of a job, and has it refused when it comes again.
// Of a job of which nothing is listed any more it finishes what was begun.
func (e eraser) Erase(ctx context.Context, job export.Job, who ledger.AuditEntry) (int, error) {
	why := retain.Why{By: fmt.Sprintf("API key %d", who.Key), Reason: "deleted through the API", Audit: who}
	c := retain.Config{Store: e.store, Ledger: e.ledger}
	if len(job.Versions) == 0 {
		return retain.Resume(ctx, c, job.User, job.ID, why)
	}
	return retain.Erase(ctx, c, job.Versions, why)
}
