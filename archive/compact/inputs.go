package compact

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

const (
	// inputsAtOnce is how many objects of documents are removed at a time.
	inputsAtOnce = 1000

	// renewAfter is how old a claim is at most when something is removed by it. What
	// is left of staleClaim then is more than the slowest request takes.
	renewAfter = time.Minute

	// unfinished is how old a segment is that nobody will finish any more.
	unfinished = time.Hour
)

// inputs removes the objects of documents that lie in segments, where the grace is
// over.
func (r *run) inputs(ctx context.Context) error {
	if r.DryRun {
		return nil
	}
	q := r.query(ledger.SegmentStored)
	q.Inputs = true
	all, err := r.Ledger.Segments(ctx, q)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.Created.Add(r.Grace).After(r.now()) {
			n, err := r.Ledger.Inputs(ctx, s.ID)
			if err != nil {
				return err
			}
			r.count(func(s *Summary) { s.Waiting += n })
			continue
		}
		if err := r.removeInputs(ctx, s); err != nil {
			return fmt.Errorf("remove documents that lie in %s: %w", s.Key, err)
		}
	}
	return nil
}

// removeInputs removes the objects of documents that lie in a segment. Those that
// the store doesn't let go are tried again by a later run.
func (r *run) removeInputs(ctx context.Context, s ledger.Segment) error {
	for {
		at := r.wallClock()
		docs, err := r.Ledger.ClaimInputs(ctx, s.ID, at, staleClaim, inputsAtOnce)
		if err != nil || len(docs) == 0 {
			return err
		}
		if err := r.removeClaimed(ctx, docs, at); err != nil {
			if errors.Is(err, ledger.ErrMoved) { // somebody else is at it
				r.count(func(s *Summary) { s.Waiting += int64(len(docs)) })
				return nil
			}
			return err
		}
	}
}

// lastBatch is how long the removal of what was claimed may go on when it is
// interrupted: whoever wants to take a claimed document out waits until the claim
// is stale.
const lastBatch = 15 * time.Second

// removeClaimed removes the objects of documents that were claimed at a time.
func (r *run) removeClaimed(ctx context.Context, docs []ledger.Document, at time.Time) error {
	whole, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lastBatch, cancel) })()
	kept, err := r.retained(store.Remove(whole, r.Store, r.stillClaimed(docs, at), inputKeys(docs)...))
	if err != nil {
		return err
	}
	docs = slices.DeleteFunc(docs, func(d ledger.Document) bool { return kept[d.Key] || kept[layout.Meta(d.Key)] })
	if err := r.Ledger.EndInputs(whole, docs); err != nil {
		return err
	}
	r.count(func(s *Summary) { s.InputsRemoved += int64(len(docs)) })
	return nil
}

// wallClock is the time by the wall clock, which goes on while a machine sleeps.
func (c *Config) wallClock() time.Time { return c.now().Round(0) }

// stillClaimed is asked before inputs are removed that were claimed at a time, and
// claims them anew where that was a while ago. Who was paused since may have been
// overtaken: somebody else took the claim for stale and ended it, and what lies under
// the key by now is the document itself. That is ledger.ErrMoved.
func (c *Config) stillClaimed(docs []ledger.Document, at time.Time) func(context.Context) error {
	docs = slices.Clone(docs)
	return func(ctx context.Context) error {
		if err := c.Ledger.CheckFence(ctx); err != nil {
			return err
		}
		now := c.wallClock()
		if now.Sub(at).Abs() < renewAfter {
			return nil
		}
		if err := c.Ledger.RenewInputs(ctx, docs, at, now); err != nil {
			return err
		}
		at = now
		return nil
	}
}

// inputKeys is what goes with documents that lie in a segment.
func inputKeys(docs []ledger.Document) []string {
	var keys []string
	for _, d := range docs {
		keys = append(keys, d.Key)
		if d.Changed != "" || d.Overflow {
			keys = append(keys, layout.Meta(d.Key))
		}
	}
	return keys
}

// segments removes segments that were replaced and are due, those that somebody
// has begun to remove, and those that nobody has finished.
func (r *run) segments(ctx context.Context) error {
	if r.DryRun {
		return nil
	}
	all, err := r.Ledger.Segments(ctx, r.query(ledger.SegmentReplaced, ledger.SegmentDeleting, ledger.SegmentWriting))
	if err != nil {
		return err
	}
	for _, s := range all {
		switch {
		case s.State == ledger.SegmentReplaced && s.Due.After(r.now()):
			r.count(func(s *Summary) { s.Waiting++ })
			continue
		case s.State == ledger.SegmentWriting && s.Created.Add(unfinished).After(r.now()):
			continue
		}
		kept, err := r.retained(RemoveSegment(ctx, r.Config, s))
		switch {
		case errors.Is(err, ledger.ErrMoved): // somebody else is at it
		case err != nil:
			return err
		case kept == nil:
			r.count(func(s *Summary) { s.SegmentsRemoved++ })
		}
	}
	return nil
}
