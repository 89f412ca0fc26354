package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
	"logstow/layout/segment"
)

// RelocateConfig says where documents are looked for. Store and Ledger are
// required.
type RelocateConfig struct {
	Store       store.Store
	Ledger      *ledger.Ledger
	Concurrency int  // documents looked for at once; 0: 16
	DryRun      bool // nothing is recorded

	// Found, where not nil, is called for each document that lies elsewhere, with
	// the key of the object that it lies in, once that is recorded; never
	// concurrently.
	Found func(d ledger.Document, in string)
}

// Relocate looks for documents, by their ids, that are not where the ledger says:
// under their own keys, and in the segments of their months that the ledger knows.
// What it finds there, byte for byte, is recorded as lying there. Nothing in the
// store is changed. It returns how many were found.
func Relocate(ctx context.Context, c RelocateConfig, ids []int64) (n int64, err error) {
	if c.Concurrency <= 0 {
		c.Concurrency = defaultConcurrency
	}
	r := &relocating{RelocateConfig: c, k: &checker{Config: Config{Store: c.Store, Ledger: c.Ledger, Concurrency: c.Concurrency}}}
	for chunk := range slices.Chunk(slices.Compact(slices.Sorted(slices.Values(ids))), together) {
		docs := make([]ledger.Document, len(chunk))
		for i, id := range chunk {
			docs[i].ID = id
		}
		if docs, err = c.Ledger.ByIDs(ctx, docs); err != nil {
			return n, err
		}
		some, err := r.documents(ctx, docs)
		n += some
		if err != nil {
			return n, fmt.Errorf("look for documents elsewhere: %w", err)
		}
	}
	return n, nil
}

// relocating is one Relocate.
type relocating struct {
	RelocateConfig
	k *checker

	user  string // whose segments these are, and of which month
	month time.Time
	in    []*candidate
}

// candidate is a segment that documents may lie in.
type candidate struct {
	ledger.Segment
	once   sync.Once
	reader *segment.Reader // nil: it can't be read
	err    error
}

func monthOf(d *ledger.Document) time.Time {
	y, m, _ := d.Time.UTC().Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
}

// documents looks for some.
func (r *relocating) documents(ctx context.Context, docs []ledger.Document) (n int64, err error) {
	docs = slices.DeleteFunc(docs, func(d ledger.Document) bool { return d.State != ledger.Stored })
	slices.SortStableFunc(docs, func(a, b ledger.Document) int {
		return cmp.Or(cmp.Compare(a.User, b.User), monthOf(&a).Compare(monthOf(&b)))
	})
	for len(docs) > 0 {
		end := slices.IndexFunc(docs, func(d ledger.Document) bool {
			return d.User != docs[0].User || !monthOf(&d).Equal(monthOf(&docs[0]))
		})
		if end < 0 {
			end = len(docs)
		}
		some, err := r.ofMonth(ctx, docs[:end])
		n += some
		if err != nil {
			return n, err
		}
		docs = docs[end:]
	}
	return n, nil
}

// ofMonth looks for documents of one user and month.
func (r *relocating) ofMonth(ctx context.Context, docs []ledger.Document) (int64, error) {
	if month := monthOf(&docs[0]); docs[0].User != r.user || !month.Equal(r.month) {
		all, err := r.Ledger.Segments(ctx, ledger.SegmentQuery{
			User: docs[0].User, Month: month, States: []ledger.SegmentState{ledger.SegmentStored, ledger.SegmentReplaced},
		})
		if err != nil {
			return 0, err
		}
		r.user, r.month, r.in = docs[0].User, month, nil
		for _, s := range all {
			r.in = append(r.in, &candidate{Segment: s})
		}
	}
	moves := make([]*ledger.Relocation, len(docs))
	g, gctx := r.k.group(ctx)
	for i := range docs {
		g.Go(func() (err error) {
			moves[i], err = r.elsewhere(gctx, docs[i])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return 0, err
	}
	return r.record(ctx, moves)
}

// record records where documents lie; nil: of that one nothing was found.
func (r *relocating) record(ctx context.Context, all []*ledger.Relocation) (int64, error) {
	var moves []ledger.Relocation
	for _, m := range all {
		if m != nil {
			moves = append(moves, *m)
		}
	}
	if !r.DryRun && len(moves) > 0 {
		var err error
		if moves, err = r.Ledger.Relocate(ctx, moves); err != nil {
			return 0, err
		}
	}
	if r.Found != nil {
		for _, m := range moves {
			in := m.Document.Key
			for _, c := range r.in {
				if c.ID == m.Segment {
					in = c.Key
				}
			}
			r.Found(m.Document, in)
		}
	}
	return int64(len(moves)), nil
}

// elsewhere returns where a document lies that isn't where the ledger says; nil
// where it is there, or nowhere.
func (r *relocating) elsewhere(ctx context.Context, d ledger.Document) (*ledger.Relocation, error) {
	own, err := r.underOwnKey(ctx, d)
	switch {
	case err != nil:
		return nil, err
	case own && d.Segment == 0:
		return nil, nil //nolint:nilnil // nothing is wrong
	case own:
		return &ledger.Relocation{Document: d}, nil
	}
	for _, c := range r.in {
		if c.ID == d.Segment {
			continue
		}
		row, ok, err := r.inSegment(ctx, c, d)
		if err != nil {
			return nil, err
		}
		if ok {
			return &ledger.Relocation{Document: d, Segment: c.ID, Row: row}, nil
		}
	}
	return nil, nil //nolint:nilnil // it is nowhere
}

// underOwnKey tells whether a document lies under its own key, with what was done
// to it beside it.
func (r *relocating) underOwnKey(ctx context.Context, d ledger.Document) (bool, error) {
	sum, _, err := r.k.sum(ctx, d.Key)
	if gone(err) || unreadable(err) {
		return false, nil
	}
	if err != nil || sum != d.SHA256 || d.Changed == "" {
		return err == nil && sum == d.SHA256, err
	}
	c, err := small[layout.Change](ctx, r.k, layout.Meta(d.Key))
	if gone(err) || unreadable(err) || errors.Is(err, errNonsense) {
		return d.Segment == 0, nil // that it isn't there is found by itself
	}
	return err == nil && (d.Segment == 0 || c.InputSHA256 == d.InputHash.String()), err
}

// inSegment returns the row of a segment that a document is.
func (r *relocating) inSegment(ctx context.Context, c *candidate, d ledger.Document) (row int64, ok bool, err error) {
	c.once.Do(func() {
		c.reader, c.err = segment.Open(store.ReaderAt(ctx, r.Store, c.Key), c.Size)
	})
	if c.reader == nil {
		return 0, false, broken(c.err)
	}
	s := c.reader.From(store.ReaderAt(ctx, r.Store, c.Key))
	found, err := s.Find(segment.Wanted{Job: d.Job, Recipe: d.Recipe})
	if err != nil {
		return 0, false, broken(err)
	}
	for _, f := range found {
		if f.Key != d.Key || f.SHA256 != d.SHA256 || f.InputHash != d.InputHash {
			continue
		}
		if _, err := s.Document(f); err != nil {
			return 0, false, broken(err)
		}
		return f.Number, true, nil
	}
	return 0, false, nil
}

// broken is nil for an error of a segment that isn't there or is damaged.
func broken(err error) error {
	if gone(err) || unreadable(err) || errors.Is(err, segment.ErrDamaged) || errors.Is(err, segment.ErrVersion) || errors.Is(err, store.ErrChanged) {
		return nil
	}
	return err
}
