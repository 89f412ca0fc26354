package compact

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

// RemoveSegment removes a segment in which nothing Stored lies, with its manifest
// and every version of both. It is safe to repeat, also where the ledger has
// forgotten the segment: whoever had it removed may have been overtaken by a Put.
// What the store does not let go is a *store.RetainedError. It is ledger.ErrMoved
// where something Stored lies in it, or where it is Replaced and not due.
func RemoveSegment(ctx context.Context, c Config, s ledger.Segment) error {
	return c.removeSegment(ctx, s, c.now())
}

// removeSegment removes a segment that is due by then.
func (c *Config) removeSegment(ctx context.Context, s ledger.Segment, then time.Time) error {
	name, err := layout.Parse(s.Key)
	if err != nil || name.Kind != layout.SegmentKey {
		return fmt.Errorf("remove segment %.200q: it is no segment's key: %w", s.Key, fs.ErrInvalid)
	}
	marked, err := c.startRemoval(ctx, s, then)
	if err != nil {
		return fmt.Errorf("remove segment %s: %w", s.Key, err)
	}
	// The manifest promises that the segment is there, so it goes first.
	var kept retained
	for _, key := range []string{layout.Manifest(name.Hash), s.Key} {
		err := kept.take(store.Remove(ctx, c.Store, c.stillDeleting(marked.ID), key))
		if errors.Is(err, errRemoved) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("remove segment %s: %w", s.Key, err)
		}
	}
	if err := kept.err(); err != nil {
		return err
	}
	if err := c.Ledger.EndSegmentRemoval(ctx, marked.ID); err != nil {
		return fmt.Errorf("remove segment %s: %w", s.Key, err)
	}
	return nil
}

// errRemoved says that somebody else has removed a segment.
var errRemoved = errors.New("removed by another")

// stillDeleting is asked before something of a segment is removed. Another may have
// removed it since, and another may lie under its key by now: the same documents
// make the same key.
func (c *Config) stillDeleting(id int64) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := c.Ledger.CheckFence(ctx); err != nil {
			return err
		}
		_, err := c.Ledger.Segment(ctx, id) // one that is Deleting stays so until it is gone
		if errors.Is(err, fs.ErrNotExist) {
			return errRemoved
		}
		return err
	}
}

// startRemoval marks a segment as Deleting. One that the ledger doesn't have any
// more is begun anew for that, so that nobody writes another under its key
// meanwhile.
func (c *Config) startRemoval(ctx context.Context, s ledger.Segment, then time.Time) (ledger.Segment, error) {
	_, err := c.Ledger.Segment(ctx, s.ID)
	if errors.Is(err, fs.ErrNotExist) {
		if s, err = c.claimKey(ctx, s); err != nil {
			return s, err
		}
	} else if err != nil {
		return s, err
	}
	return c.Ledger.StartSegmentRemoval(ctx, s.ID, then)
}

// claimKey returns the segment that has the key of one that is gone.
func (c *Config) claimKey(ctx context.Context, s ledger.Segment) (ledger.Segment, error) {
	there, err := c.Ledger.Segments(ctx, ledger.SegmentQuery{Key: s.Key})
	switch {
	case err != nil:
		return s, err
	case len(there) > 0:
		return there[0], nil
	}
	s.Created = c.now()
	return c.Ledger.BeginSegment(ctx, s)
}

// retained gathers what the store does not let go.
type retained struct{ all *store.RetainedError }

// take notes what err says of that. Any other error it returns.
func (r *retained) take(err error) error {
	var kept *store.RetainedError
	if !errors.As(err, &kept) {
		return err
	}
	if r.all == nil {
		r.all = &store.RetainedError{}
	}
	r.all.Keys, r.all.Err = append(r.all.Keys, kept.Keys...), kept.Err
	if r.all.Until.IsZero() || !kept.Until.IsZero() && kept.Until.Before(r.all.Until) {
		r.all.Until = kept.Until
	}
	return nil
}

// err is all of it; nil where there is none.
func (r *retained) err() error {
	if r.all == nil {
		return nil
	}
	return r.all
}
