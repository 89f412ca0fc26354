package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"logstow/archive/ledger"
	"logstow/export"
)

// errLapsed says that the ledger could not be told in time that a claim is to
// last.
var errLapsed = errors.New("the claim could not be renewed before it ran out")

// claim is an export that this process works on.
type claim struct {
	q        *Queue
	progress func(ledger.Export)

	mu     sync.Mutex
	export ledger.Export // guarded by mu
}

// now returns the export with the progress so far.
func (c *claim) now() ledger.Export {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.export
}

// report takes progress from the exporter.
func (c *claim) report(p export.Progress) {
	c.mu.Lock()
	c.export.Jobs, c.export.Total, c.export.Lines, c.export.Bytes = p.Jobs, p.Total, p.Lines, p.Bytes
	e := c.export
	c.mu.Unlock()
	if c.progress != nil {
		c.progress(e)
	}
}

// keep renews the claim, and records progress, until ctx ends. It ends the work
// soon after the claim is lost. told is what the ledger knows.
func (c *claim) keep(ctx context.Context, told ledger.Export, end context.CancelCauseFunc) {
	until, every := told.LeaseUntil, min(c.q.Lease/3, c.q.Poll)
	for sleep(ctx, every) {
		e, now := c.now(), c.q.Now()
		e.Updated, e.LeaseUntil = now, now.Add(c.q.Lease)
		idle := sameProgress(e, told) && until.Sub(now)-every >= c.q.Lease*2/3
		switch err := c.tell(ctx, e, idle, max(until.Sub(now), every)); {
		case err == nil && !idle:
			told, until = e, e.LeaseUntil
		case errors.Is(err, ledger.ErrFenced):
			end(err)
			return
		case err != nil && ctx.Err() == nil && !c.q.Now().Before(until):
			end(fmt.Errorf("%w: %w", errLapsed, err))
			return
		}
	}
}

// tell renews the claim, or where it is idle looks whether it lasts, which
// writes nothing. It is ErrFenced where the claim is lost.
func (c *claim) tell(ctx context.Context, e ledger.Export, idle bool, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if !idle {
		return c.q.Ledger.RenewExport(ctx, e)
	}
	is, err := c.q.Ledger.Export(ctx, e.ID)
	if err == nil && (is.State != ledger.ExportRunning || is.Attempt != e.Attempt) {
		err = fmt.Errorf("export %s is %s, attempt %d: %w", e.ID, is.State, is.Attempt, ledger.ErrFenced)
	}
	return err
}

func sameProgress(a, b ledger.Export) bool {
	return a.Jobs == b.Jobs && a.Total == b.Total && a.Lines == b.Lines && a.Bytes == b.Bytes
}
