package compact

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"

	"logstow/archive/ledger"
	"logstow/layout/segment"
)

// maxMerged is how many segments are merged at once: each takes memory.
const maxMerged = 32

// merges replaces segments by larger ones where that is worth it, and by nothing
// those in which nothing lies any more.
func (r *run) merges(ctx context.Context) error {
	if !r.DryRun {
		if err := r.replaceEmpty(ctx); err != nil {
			return err
		}
	}
	all, err := r.Ledger.Segments(ctx, r.query(ledger.SegmentStored))
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b ledger.Segment) int {
		return cmp.Or(cmp.Compare(a.User, b.User), a.Month.Compare(b.Month))
	})
	for of := range chunks(all) {
		worth := worthMerging(of, r.segmentBytes())
		if len(worth) == 0 {
			continue
		}
		r.planned(merging(worth, len(of)))
		if r.DryRun {
			continue
		}
		err := r.merge(ctx, worth)
		if err := r.passed(worth[len(worth)-1].Key, err); err != nil {
			return fmt.Errorf("merge segments of %s of user %s: %w", of[0].Month.Format(monthFormat), of[0].User, err)
		}
	}
	return nil
}

func (r *run) query(states ...ledger.SegmentState) ledger.SegmentQuery {
	return ledger.SegmentQuery{User: r.User, Month: r.Month, States: states}
}

// chunks yields the segments of each month of each user.
func chunks(all []ledger.Segment) iter.Seq[[]ledger.Segment] {
	return func(yield func([]ledger.Segment) bool) {
		for len(all) > 0 {
			n := slices.IndexFunc(all, func(s ledger.Segment) bool { return s.User != all[0].User || !s.Month.Equal(all[0].Month) })
			if n < 0 {
				n = len(all)
			}
			if !yield(all[:n]) {
				return
			}
			all = all[n:]
		}
	}
}

// worthMerging returns which segments of a month are to become one: as many of the
// smallest as make one of at most limit bytes, of which the largest is at most
// twice the others. So a document is rewritten only when what it lies in grows by
// half, a few times in all.
func worthMerging(all []ledger.Segment, limit int64) []ledger.Segment {
	small := slices.Clone(all)
	small = slices.DeleteFunc(small, func(s ledger.Segment) bool { return s.Size >= limit/2 })
	slices.SortFunc(small, func(a, b ledger.Segment) int {
		return cmp.Or(cmp.Compare(a.Size, b.Size), cmp.Compare(a.ID, b.ID))
	})
	worth, sum := 0, int64(0)
	for i, s := range small[:min(len(small), maxMerged)] {
		others := sum
		if sum += s.Size; sum > limit {
			break
		}
		if i > 0 && s.Size <= 2*others {
			worth = i + 1
		}
	}
	return small[:worth]
}

func merging(of []ledger.Segment, segments int) Partition {
	p := Partition{User: of[0].User, Month: of[0].Month, Action: Merge, Segments: len(of)}
	for _, s := range of {
		p.Documents += s.Rows
		p.Bytes += s.Size
	}
	p.Reason = fmt.Sprintf("%d of its %d segments are small, and make one", len(of), segments)
	return p
}

// merge has what lies in segments of one month lie in a new one.
func (r *run) merge(ctx context.Context, of []ledger.Segment) error {
	m := &rewriting{old: of, keep: map[string]kept{}}
	t := target{user: of[0].User, month: of[0].Month, patient: true}
	var readers []*segment.Reader
	for _, s := range of {
		in, err := r.Ledger.InSegment(ctx, s.ID)
		if err != nil {
			return err
		}
		for _, d := range in {
			if d.State == ledger.Stored {
				m.keep[d.Key] = kept{d.ID, d.SHA256}
			}
		}
		reader, err := r.open(ctx, s)
		if err != nil {
			return r.unopened(ctx, s, err)
		}
		readers = append(readers, reader)
		t.replaces = append(t.replaces, s.Key)
	}
	if len(m.keep) == 0 {
		return nil // they were emptied just now
	}
	packed, err := r.writeAll(ctx, t, m.rows(readers))
	if err != nil {
		return err
	}
	return r.commitMerge(ctx, packed, of)
}

// unopened is an error of opening a segment: ErrMoved where it was replaced and
// removed meanwhile.
func (r *run) unopened(ctx context.Context, s ledger.Segment, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		now, lookErr := r.Ledger.Segment(ctx, s.ID)
		switch {
		case errors.Is(lookErr, fs.ErrNotExist), lookErr == nil && now.State != ledger.SegmentStored:
			return &segmentError{s.Key, ledger.ErrMoved}
		case lookErr != nil:
			return lookErr
		}
		err = fmt.Errorf("%w: %w", segment.ErrDamaged, err)
	}
	return &segmentError{s.Key, err}
}

// commitMerge replaces segments by those that were written. One of them may be one
// of the others: where that had copies of all that lay in these.
func (r *run) commitMerge(ctx context.Context, packed []ledger.Packed, of []ledger.Segment) error {
	var old []int64
	for _, s := range of {
		if !slices.ContainsFunc(packed, func(p ledger.Packed) bool { return p.Segment.ID == s.ID }) {
			old = append(old, s.ID)
		}
	}
	now := r.now()
	if err := r.Ledger.CommitSegments(ctx, packed, old, now, now.Add(r.Grace)); err != nil {
		for _, p := range packed {
			if err := r.unmoved(ctx, p, err); !errors.Is(err, ledger.ErrMoved) {
				return err
			}
		}
		return err
	}
	r.count(func(s *Summary) {
		s.Merged += int64(len(old))
		for _, p := range packed {
			s.Segments++
			s.SegmentBytes += p.Segment.Size
		}
	})
	return nil
}

// replaceEmpty replaces by nothing segments in which nothing Stored lies.
func (r *run) replaceEmpty(ctx context.Context) error {
	q := r.query(ledger.SegmentStored)
	q.Empty = true
	empty, err := r.Ledger.Segments(ctx, q)
	if err != nil {
		return err
	}
	for _, s := range empty {
		now := r.now()
		err := r.Ledger.CommitSegments(ctx, nil, []int64{s.ID}, now, now.Add(r.Grace))
		if err := r.passed(s.Key, err); err != nil {
			return fmt.Errorf("replace %s: %w", s.Key, err)
		}
	}
	return nil
}
