package retain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"logstow/archive/compact"
	"logstow/archive/ledger"
)

// rewriteAfter is how many days something that has expired may lie on in a segment
// with what has not.
const rewriteAfter = 31

// remnant is a segment with what is Expiring.
type remnant struct {
	due   time.Time // of the first of it
	fresh int64     // of what lies in it, Stored when the run began

	inputs, inputsKnown bool // whether it still has inputs
}

// remnant returns what is known of a segment.
func (e *expirer) remnant(id int64) *remnant {
	if e.segments[id] == nil {
		e.segments[id] = &remnant{}
	}
	return e.segments[id]
}

// note notes what is Expiring in it.
func (r *remnant) note(m ledger.Marked, fresh bool) {
	if r.due.IsZero() || m.Mark.Due.Before(r.due) {
		r.due = m.Mark.Due
	}
	if fresh {
		r.fresh++
	}
}

// rewrite has those segments rewritten whose time has come, and ends what lies
// nowhere then.
func (e *expirer) rewrite(ctx context.Context) error {
	type partition struct {
		user  string
		month int64
	}
	months := map[partition][]ledger.Segment{}
	for _, id := range slices.Sorted(maps.Keys(e.segments)) {
		s, err := e.Ledger.Segment(ctx, id)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		ripe, err := e.ripe(ctx, s, e.segments[id])
		if err != nil {
			return err
		}
		if ripe {
			p := partition{s.User, s.Month.Unix()}
			months[p] = append(months[p], s)
		}
	}
	for p, segments := range months {
		if err := e.rewriteMonth(ctx, segments); err != nil {
			return fmt.Errorf("rewrite segments of user %s without what has expired: %w", p.user, err)
		}
	}
	if e.did.Rewritten == 0 || e.DryRun {
		return nil
	}
	return e.end(ctx)
}

// ripe tells whether a segment is to be rewritten, or removed, now.
func (e *expirer) ripe(ctx context.Context, s ledger.Segment, r *remnant) (bool, error) {
	switch s.State {
	case ledger.SegmentWriting:
		return false, nil
	case ledger.SegmentReplaced:
		return !s.Due.After(e.now), nil
	case ledger.SegmentDeleting:
		return true, nil
	}
	if !r.due.AddDate(0, 0, rewriteAfter).After(e.now) {
		return true, nil
	}
	use, err := e.Ledger.SegmentUse(ctx, s.ID)
	if e.DryRun {
		use.Stored -= r.fresh
	}
	return use.Stored <= 0, err
}

func (e *expirer) rewriteMonth(ctx context.Context, segments []ledger.Segment) error {
	if !e.DryRun {
		if e.Turn != nil {
			e.Turn.Lock()
			defer e.Turn.Unlock()
		}
		c := e.compact()
		c.Now = e.Now
		err := compact.Rewrite(ctx, c, segments)
		if errors.Is(err, ledger.ErrMoved) {
			return nil // another run was faster, or the next one is
		}
		if err := e.left(err); err != nil {
			return err
		}
	}
	e.did.Rewritten += int64(len(segments))
	e.tick()
	return nil
}

// end ends what lay in segments that are gone.
func (e *expirer) end(ctx context.Context) error {
	var gone []ledger.Marked
	for all, err := range chunks(e.Ledger.Expiring(ctx), batch) {
		if err != nil {
			return fmt.Errorf("look for what lay in segments: %w", err)
		}
		gone = gone[:0]
		for _, m := range all {
			if m.Segment == 0 {
				gone = append(gone, m)
			}
		}
		if err := e.remove(ctx, gone, lastTurn); err != nil {
			return err
		}
	}
	return nil
}
