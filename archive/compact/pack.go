package compact

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"logstow/archive/ledger"
)

const (
	// partitionsAtOnce is how many partitions are packed beside each other at most,
	// and smallPartitions how many bytes of documents those have together, unless
	// there is only one: small ones take no time but that of a few requests each.
	partitionsAtOnce = 8
	smallPartitions  = 32_000_000
)

// partitions plans, and packs, what lies under its own keys.
func (r *run) partitions(ctx context.Context) (err error) {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(partitionsAtOnce)
	defer func() { err = cmp.Or(group.Wait(), err) }()
	room := semaphore.NewWeighted(smallPartitions)
	for m, err := range r.Ledger.LooseMonths(inner, r.User) {
		if err != nil {
			return err
		}
		if !r.Month.IsZero() && !m.First.Equal(r.Month) {
			continue
		}
		p, err := r.plan(inner, m)
		if err != nil {
			return fmt.Errorf("plan %s of user %s: %w", m.First.Format(monthFormat), m.User, err)
		}
		r.planned(p.Partition)
		if p.Action != Pack || r.DryRun {
			continue
		}
		takes := min(p.Bytes, smallPartitions)
		if err := room.Acquire(inner, takes); err != nil {
			return err
		}
		group.Go(func() error {
			defer room.Release(takes)
			return r.pack(inner, p)
		})
	}
	return nil
}

const monthFormat = "2006-01"

// pack has the documents that are ready lie in segments.
func (r *run) pack(ctx context.Context, p *partition) error {
	b := &batch{run: r}
	t := target{user: p.User, month: p.Month, patient: true, leave: b.leave}
	err := r.writeEach(ctx, t, b.rows(ctx, r.readyOf(ctx, p)), func(packed ledger.Packed) error {
		return b.commit(ctx, packed)
	})
	if err = r.passed(fmt.Sprintf("%s of user %s", p.Month.Format(monthFormat), p.User), err); err != nil {
		return fmt.Errorf("pack %s of user %s: %w", p.Month.Format(monthFormat), p.User, err)
	}
	return nil
}

// batch is what goes into the next segment of a partition.
type batch struct {
	*run
	bytes int64
}

// rows yields what can be read of documents. What can't is left.
func (b *batch) rows(ctx context.Context, docs iter.Seq2[ledger.Document, error]) iter.Seq2[rowDocument, error] {
	return func(yield func(rowDocument, error) bool) {
		for l, err := range b.read(ctx, docs) {
			if err != nil {
				yield(rowDocument{}, err)
				return
			}
			if l.err != nil {
				if err := b.unread(ctx, &l.doc, l.err); err != nil {
					yield(rowDocument{}, err)
					return
				}
				continue
			}
			b.bytes += l.doc.Size
			if !yield(rowDocument{l.row, l.doc.ID}, nil) {
				return
			}
		}
	}
}

// unread leaves a document that could not be read, unless it lies elsewhere by now.
func (b *batch) unread(ctx context.Context, d *ledger.Document, reason error) error {
	now, err := b.look(ctx, *d)
	if errors.Is(err, ledger.ErrMoved) {
		return nil
	}
	if err == nil && now.Segment == 0 {
		b.left(d, reason.Error())
	}
	return err
}

// leave leaves a row that a segment can't hold.
func (b *batch) leave(r rowDocument, reason error) error {
	b.bytes -= r.row.Size
	b.left(&ledger.Document{Key: r.row.Key}, reason.Error())
	return nil
}

// look returns a document as the ledger has it now.
func (c *Config) look(ctx context.Context, d ledger.Document) (ledger.Document, error) {
	all, err := c.Ledger.ByJob(ctx, d.User, d.Job)
	if err != nil {
		return d, err
	}
	i := slices.IndexFunc(all, func(v ledger.Document) bool { return v.ID == d.ID })
	if i < 0 {
		return d, fmt.Errorf("it is no longer stored: %w", ledger.ErrMoved)
	}
	return all[i], nil
}

// commit has documents lie in a segment.
func (b *batch) commit(ctx context.Context, p ledger.Packed) error {
	now := b.now()
	err := b.Ledger.CommitSegments(ctx, []ledger.Packed{p}, nil, now, now)
	if err != nil {
		return b.unmoved(ctx, p, err)
	}
	bytes := b.bytes
	b.bytes = 0
	b.count(func(s *Summary) {
		s.Packed += int64(len(p.Documents))
		s.PackedBytes += bytes
		s.Segments++
		s.SegmentBytes += p.Segment.Size
	})
	return nil
}

// unmoved removes a segment in which nothing came to lie, where that is why.
func (r *run) unmoved(ctx context.Context, p ledger.Packed, err error) error {
	if !errors.Is(err, ledger.ErrMoved) {
		return err
	}
	if _, err := r.retained(r.discard(ctx, []ledger.Packed{p})); err != nil {
		return err
	}
	return &segmentError{p.Segment.Key, err}
}
