package compact

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"

	"logstow/archive/ledger"
	"logstow/layout/segment"
)

// Rewrite makes new segments of what is Stored in these, of one user and month,
// and removes these at once, whatever their grace: what lies in them and is not
// Stored is gone then, with every version of the files. It is how rows are erased
// and expire. Where nothing in them is Stored they are removed; one in which nothing
// but that is stays as it is. What the store does not let go is a
// *store.RetainedError, and everything else was done.
//
// What is changed meanwhile is looked at again, a few times; after that it is
// ledger.ErrMoved. After any error it may be repeated, and everything that is Stored
// is whole where the ledger says it lies.
func Rewrite(ctx context.Context, c Config, segments []ledger.Segment) error {
	for _, s := range segments {
		if s.User != segments[0].User || !s.Month.Equal(segments[0].Month) {
			return fmt.Errorf("rewrite %s: it is not of the user and month of %s: %w", s.Key, segments[0].Key, fs.ErrInvalid)
		}
	}
	for look := 1; ; look++ {
		err := c.rewrite(ctx, segments)
		if !movedMeanwhile(err) || look == looks {
			return err
		}
	}
}

// rewrite looks once.
func (c *Config) rewrite(ctx context.Context, segments []ledger.Segment) error {
	r, err := c.lookAt(ctx, segments)
	if err != nil {
		return err
	}
	if len(r.old) > 0 {
		if err := c.replace(ctx, r); err != nil {
			return err
		}
	}
	var kept retained
	for _, s := range slices.Concat(r.empty, r.old) {
		if err := kept.take(c.removeSegment(ctx, s, later(c.now(), s.Due))); err != nil {
			return err
		}
	}
	return kept.err()
}

// rewriting is segments of one user and month.
type rewriting struct {
	old   []ledger.Segment // in which some, and not all, is Stored
	empty []ledger.Segment // in which nothing is
	keep  map[string]kept  // what is Stored in old, by its key
}

// kept is a row that is to be kept.
type kept struct {
	id  int64
	sum ledger.Hash
}

// lookAt tells what is to become of segments.
func (c *Config) lookAt(ctx context.Context, segments []ledger.Segment) (*rewriting, error) {
	r := &rewriting{keep: map[string]kept{}}
	for _, s := range segments {
		s, err := c.Ledger.Segment(ctx, s.ID)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var in []ledger.Document
		if s.State == ledger.SegmentStored {
			if in, err = c.Ledger.InSegment(ctx, s.ID); err != nil {
				return nil, err
			}
			in = slices.DeleteFunc(in, func(d ledger.Document) bool { return d.State != ledger.Stored })
		}
		switch int64(len(in)) {
		case 0:
			r.empty = append(r.empty, s)
		case s.Rows: // nothing else is in it
		default:
			r.old = append(r.old, s)
			for _, d := range in {
				r.keep[d.Key] = kept{d.ID, d.SHA256}
			}
		}
	}
	return r, nil
}

// replace has what is to be kept lie in new segments.
func (c *Config) replace(ctx context.Context, r *rewriting) error {
	t := target{user: r.old[0].User, month: r.old[0].Month}
	var ids []int64
	var readers []*segment.Reader
	for _, s := range r.old {
		reader, err := c.open(ctx, s)
		if err != nil {
			return err
		}
		readers = append(readers, reader)
		ids, t.replaces = append(ids, s.ID), append(t.replaces, s.Key)
	}
	packed, err := c.writeAll(ctx, t, r.rows(readers))
	if err == nil {
		// What is kept may make one of the old ones again, which stays then.
		now := c.now()
		err = c.Ledger.CommitSegments(ctx, packed, ids, now, now)
	}
	if err != nil {
		err = fmt.Errorf("make %s anew: %w", r.old[0].Key, err)
	}
	if !errors.Is(err, ledger.ErrMoved) {
		return err
	}
	return errors.Join(err, c.discard(ctx, packed))
}

// discard removes segments in which nothing came to lie.
func (c *Config) discard(ctx context.Context, packed []ledger.Packed) error {
	for _, p := range packed {
		// One that something lies in is another's by now.
		if err := RemoveSegment(ctx, *c, p.Segment); err != nil && !errors.Is(err, ledger.ErrMoved) {
			return err
		}
	}
	return nil
}

// rows yields what is to be kept, in order.
func (r *rewriting) rows(readers []*segment.Reader) iter.Seq2[rowDocument, error] {
	return func(yield func(rowDocument, error) bool) {
		left := len(r.keep)
		keep := func(row *segment.Row) bool {
			k, ok := r.keep[row.Key]
			return ok && k.sum == row.SHA256
		}
		for row, err := range segment.Merge(keep, readers...) {
			if err != nil {
				yield(rowDocument{}, fmt.Errorf("read %s: %w", r.old[0].Key, err))
				return
			}
			left--
			if !yield(rowDocument{row, r.keep[row.Key].id}, nil) {
				return
			}
		}
		if left > 0 {
			yield(rowDocument{}, fmt.Errorf("read %s: %d documents that lie in it are not: %w", r.old[0].Key, left, segment.ErrDamaged))
		}
	}
}
