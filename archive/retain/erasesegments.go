package retain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"logstow/archive/compact"
	"logstow/archive/ledger"
)

const (
	// segmentTries is how often segments are looked at again that somebody else
	// moved meanwhile, and segmentPause how long before the second time.
	segmentTries = 10
	segmentPause = 20 * time.Millisecond
)

// segments makes every segment anew, without it, that holds something of a user
// that is Deleting, or removes it; and then removes those of the given months in
// which nothing lies, whatever their grace. What is Deleting is copied into none any
// more, and its objects are gone: so no other can hold it afterwards.
func (e *erasing) segments(ctx context.Context, user string, months []time.Time) error {
	if e.Turn != nil {
		e.Turn.Lock()
		defer e.Turn.Unlock()
	}
	pause := segmentPause
	for range segmentTries {
		err := e.segmentsOnce(ctx, user, months)
		if !errors.Is(err, ledger.ErrMoved) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause *= 2
	}
	return fmt.Errorf("segments of user %q are being changed by somebody else, erase again to go on: %w", user, ledger.ErrMoved)
}

func (e *erasing) segmentsOnce(ctx context.Context, user string, months []time.Time) error {
	holding, err := e.Ledger.ErasingSegments(ctx, user)
	if err != nil {
		return err
	}
	slices.SortStableFunc(holding, func(a, b ledger.Segment) int { return a.Month.Compare(b.Month) })
	for len(holding) > 0 {
		n := slices.IndexFunc(holding, func(s ledger.Segment) bool { return !s.Month.Equal(holding[0].Month) })
		if n < 0 {
			n = len(holding)
		}
		if err := e.rewrite(ctx, holding[:n]); err != nil {
			return err
		}
		holding = holding[n:]
	}
	for _, month := range months {
		if err := e.removeUnused(ctx, user, month); err != nil {
			return err
		}
	}
	return nil
}

// rewrite makes segments of one month anew, all at once. Those in which nothing
// is Stored it removes.
func (e *erasing) rewrite(ctx context.Context, those []ledger.Segment) error {
	var stored []ledger.Segment
	for _, s := range those {
		if s.State == ledger.SegmentStored {
			stored = append(stored, s)
			continue
		}
		if err := e.removeSegment(ctx, s); err != nil {
			return err
		}
	}
	if len(stored) == 0 {
		return nil
	}
	if err := e.kept.takeSegment(compact.Rewrite(ctx, e.compact(), stored), stored[0].Month); err != nil {
		return err
	}
	e.rewrites += int64(len(stored))
	return nil
}

// removeUnused removes the segments of a month in which nothing lies: what is
// Deleting may have been copied into them.
func (e *erasing) removeUnused(ctx context.Context, user string, month time.Time) error {
	all, err := e.Ledger.Segments(ctx, ledger.SegmentQuery{User: user, Month: month, States: []ledger.SegmentState{
		ledger.SegmentWriting, ledger.SegmentReplaced, ledger.SegmentDeleting,
	}})
	if err != nil {
		return err
	}
	for _, s := range all {
		if err := e.removeSegment(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// removeSegment removes a segment in which nothing Stored lies, unless the store
// didn't let it go just now.
func (e *erasing) removeSegment(ctx context.Context, s ledger.Segment) error {
	if e.kept.keys[s.Key] {
		return nil
	}
	c := e.compact()
	now := time.Now()
	if s.Due.After(now) {
		now = s.Due
	}
	c.Now = func() time.Time { return now }
	if err := e.kept.takeSegment(compact.RemoveSegment(ctx, c, s), s.Month); err != nil {
		return err
	}
	e.rewrites++
	return nil
}
