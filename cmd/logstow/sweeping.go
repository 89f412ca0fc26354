package main

import (
	"context"
	"log/slog"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/export/queue"
)

// sweepEvery is how often files that nobody can download any more are removed.
const sweepEvery = 5 * time.Minute

// sweeper removes what nobody needs any more.
type sweeper struct {
	queue   *queue.Queue
	erasing retain.Config
	log     *slog.Logger
}

// run finishes deletions that were begun, and then sweeps now and then until
// ctx ends.
func (s *sweeper) run(ctx context.Context) error {
	s.finishErasures(ctx)
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		n, err := s.queue.Sweep(ctx, time.Now())
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			s.log.WarnContext(ctx, "sweep ended early", "files", n, "err", err)
		case n > 0:
			s.log.InfoContext(ctx, "swept", "files", n)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// finishErasures goes on with deletions that a process didn't live to finish.
func (s *sweeper) finishErasures(ctx context.Context) {
	why := retain.Why{By: "logstow serve", Reason: "begun before, and not finished", Audit: ledger.AuditEntry{At: time.Now(), Action: "delete", Outcome: "ok"}}
	n, err := retain.ResumeAll(ctx, s.erasing, why)
	switch {
	case err != nil && ctx.Err() == nil:
		s.log.WarnContext(ctx, "some deletions are not finished", "versions", n, "err", err)
	case n > 0:
		s.log.InfoContext(ctx, "unfinished deletions finished", "versions", n)
	}
}
