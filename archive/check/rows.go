package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"logstow/archive/ledger"
	"logstow/layout"
)

// rows asks the store for what the ledger has and the listing didn't show, and
// looks for the erasures behind the rows that say they were erased.
func (k *checker) rows(ctx context.Context) error {
	var unnamed, expiring set
	var batch []ledger.Document
	for d, err := range k.Ledger.Recorded(ctx, 0, k.last) {
		if err != nil {
			return err
		}
		switch d.State {
		case ledger.Stored:
			batch = append(batch, d)
		case ledger.Expiring:
			expiring.add(d.ID)
		case ledger.Deleting, ledger.Erased:
			if !k.named.has(d.ID) {
				unnamed.add(d.ID)
			}
		}
		if len(batch) == together {
			if err := k.stored(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	if err := k.stored(ctx, batch); err != nil {
		return err
	}
	if err := k.expiring(ctx, &expiring); err != nil {
		return err
	}
	return k.unnamed(ctx, &unnamed)
}

// stored is about Stored rows.
func (k *checker) stored(ctx context.Context, batch []ledger.Document) error {
	g, gctx := k.group(ctx)
	for _, d := range batch {
		switch {
		case d.Segment == 0 && !k.seen.has(d.ID):
			g.Go(func() error { return k.unseen(gctx, d) })
		case d.Segment != 0 && !k.known.has(d.Segment):
			g.Go(func() error { return k.nowhere(gctx, d) })
		}
		if d.Segment == 0 && d.Changed != "" && !k.seenMeta.has(d.ID) {
			g.Go(func() error { return k.unseenBeside(gctx, d, layout.Meta(d.Key)) })
		}
		if d.Overflow && !k.seenOverflow.has(d.ID) {
			g.Go(func() error { return k.unseenBeside(gctx, d, layout.Overflow(d.Key)) })
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	k.count(func(s *Summary) { s.Documents += int64(len(batch)) })
	return nil
}

// unseen is about a Stored row whose document was not listed: it is missing, or
// it came after the listing had passed its place.
func (k *checker) unseen(ctx context.Context, d ledger.Document) error {
	info, err := k.Store.Stat(ctx, d.Key)
	switch {
	case gone(err):
		return k.missing(ctx, d, d.Key)
	case err != nil:
		return fmt.Errorf("look for %s: %w", d.Key, err)
	}
	return k.compare(ctx, d, info.Size)
}

// nowhere is about a Stored row that lies in a segment which wasn't among those of
// the ledger: it came later, or there is none.
func (k *checker) nowhere(ctx context.Context, d ledger.Document) error {
	if _, err := k.Ledger.Segment(ctx, d.Segment); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	same, err := k.still(ctx, d)
	if err == nil && same {
		k.find(Finding{Kind: Damaged, Damage: true, Key: LedgerKey, Reason: fmt.Sprintf(
			"%s lies in segment %d, which there is none of", d.Key, d.Segment)})
		k.lose(d)
	}
	return err
}

// rewritten is how long what has expired may stay in a segment, where nobody finds
// it, until the segment is made anew without it.
const rewritten = 31 * 24 * time.Hour

// expiring is about rows whose expiry was begun.
func (k *checker) expiring(ctx context.Context, ids *set) error {
	for chunk := range slices.Chunk(slices.Collect(ids.all()), together) {
		marks, err := k.Ledger.MarksOf(ctx, chunk)
		if err != nil {
			return err
		}
		docs := make([]ledger.Document, len(chunk))
		for i, id := range chunk {
			docs[i].ID = id
		}
		if docs, err = k.Ledger.ByIDs(ctx, docs); err != nil {
			return err
		}
		for _, d := range docs {
			patience := max(overdue, k.Settle)
			if d.Segment != 0 {
				patience += rewritten
			}
			if d.State == ledger.Expiring && k.since(marks[d.ID].Due) >= patience {
				k.find(Finding{Kind: Leftover, Key: d.Key, Reason: "its expiry was begun and not finished: the next logstow retain goes on with it"})
			}
		}
	}
	return nil
}

func (k *checker) unseenBeside(ctx context.Context, d ledger.Document, key string) error {
	there, err := k.there(ctx, key)
	if err != nil || there {
		return err
	}
	return k.missing(ctx, d, key)
}

// unnamed is about rows that say they were erased, or are being, and that no
// erasure named when the erasures were read. One that has begun since has its
// record by now: that was put before the row was changed.
func (k *checker) unnamed(ctx context.Context, ids *set) error {
	if ids.empty() {
		return nil
	}
	k.named = set{}
	if err := k.readErasures(ctx, false); err != nil {
		return err
	}
	for id := range ids.all() {
		if k.named.has(id) {
			continue
		}
		for d, err := range k.Ledger.Recorded(ctx, id-1, id) {
			if err != nil {
				return err
			}
			k.find(Finding{Kind: Missing, Damage: true, Key: d.Key, Reason: fmt.Sprintf(
				"the ledger says that it is %s, and no erasure in the store names it: a ledger made anew would take its job's record in again", d.State)})
		}
	}
	return nil
}
