package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/export"
	"logstow/export/web"
)

// eraser deletes jobs for the API.
type eraser struct {
	store  store.Store
	ledger *ledger.Ledger
	turn   *sync.Mutex // of those who make segments anew
}

// Erase deletes every version of a job, and has it refused when it comes again.
// Of a job of which nothing is listed any more it finishes what was begun.
func (e eraser) Erase(ctx context.Context, job export.Job, who ledger.AuditEntry) (int, error) {
	why := retain.Why{By: fmt.Sprintf("API key %d", who.Key), Reason: "deleted through the API", Audit: who}
	c := retain.Config{Store: e.store, Ledger: e.ledger, Turn: e.turn}
	if len(job.Versions) == 0 {
		n, err := retain.Resume(ctx, c, job.User, job.ID, why)
		return n, whatIsKept(err)
	}
	n, err := retain.Erase(ctx, c, job.Versions, why)
	return n, whatIsKept(err)
}

// whatIsKept is err as the API tells it.
func whatIsKept(err error) error {
	held, isHeld := errors.AsType[*retain.HeldError](err)
	retained, isRetained := errors.AsType[*store.RetainedError](err)
	if !isHeld && !isRetained {
		return err
	}
	kept := &web.KeptError{Err: err}
	if isHeld {
		kept.Held = held.Versions
	}
	if isRetained {
		kept.Retained, kept.Until = len(retained.Keys), retained.Until
	}
	return kept
}
