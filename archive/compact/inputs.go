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

	// freshClaim is how long after its claim an object of a document may still be
	// removed: well before another takes the claim for stale, and may put the object
	// again.
	freshClaim = staleClaim / 2

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

// errLate says that a claim is too old for anything to be removed by it.
var errLate = errors.New("claimed too long ago")

// removeInputs removes the objects of documents that lie in a segment. Those that
// the store doesn't let go are tried again by a later run, as are those that took
// too long.
func (r *run) removeInputs(ctx context.Context, s ledger.Segment) error {
	for {
		claimed := r.now().Round(0) // by the wall clock, which goes on while a machine sleeps
		docs, err := r.Ledger.ClaimInputs(ctx, s.ID, claimed, staleClaim, inputsAtOnce)
		if err != nil || len(docs) == 0 {
			return err
		}
		kept, err := r.retained(store.Remove(ctx, r.Store, r.stillClaimed(claimed), inputKeys(docs)...))
		if errors.Is(err, errLate) {
			r.count(func(s *Summary) { s.Waiting += int64(len(docs)) })
			return nil
		}
		if err != nil {
			return err
		}
		docs = slices.DeleteFunc(docs, func(d ledger.Document) bool { return kept[d.Key] || kept[layout.Meta(d.Key)] })
		if err := r.Ledger.EndInputs(ctx, docs); err != nil {
			return err
		}
		r.count(func(s *Summary) { s.InputsRemoved += int64(len(docs)) })
	}
}

// stillClaimed is asked before inputs are removed that were claimed at a time. A
// process that was paused since may have been overtaken: its claim is stale, somebody
// else has ended it, and what lies under the key by now is the document itself.
func (r *run) stillClaimed(at time.Time) func(context.Context) error {
	return func(ctx context.Context) error {
		if r.now().Round(0).Sub(at).Abs() > freshClaim {
			return errLate
		}
		return r.Ledger.CheckFence(ctx)
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
