package archive

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"logstow/archive/ledger"
)

const (
	// grouped is how many records one transaction records at most.
	grouped = 1000

	// patience is how long a finished record waits for others to share a
	// transaction with.
	patience = 100 * time.Millisecond

	// commitTime is how long a commit may take, also after the end of the run.
	commitTime = 30 * time.Second
)

// group is what the next transaction records.
type group struct {
	ledger.Batch
	items   []*item
	cursors map[ledger.Cursor]string // value by source and part
}

// commitAll is the last stage: it records finished items in source order. A
// cursor goes with all that lies before it. The first failed item stops the
// run; no cursor is recorded from there on, but what was written still is.
func (r *run) commitAll(ctx context.Context, stop context.CancelCauseFunc) error {
	c := &committer{run: r, stop: stop, whole: true, due: time.NewTimer(patience)}
	c.due.Stop()
	for {
		b, ok := c.next(ctx)
		if !ok {
			break
		}
		for _, it := range b.items {
			for !r.bell.await(it, c.due.C) {
				c.flush(ctx)
			}
			c.add(ctx, it)
		}
	}
	c.flush(ctx)
	return c.failed
}

// committer is the state of the last stage.
type committer struct {
	*run
	stop   context.CancelCauseFunc
	whole  bool // nothing before the next item failed
	failed error
	group  group
	due    *time.Timer // runs while there is something in the group
}

// next returns the next items, of which some may not be finished. It commits
// the group when that has waited long enough.
func (c *committer) next(ctx context.Context) (b *batch, ok bool) {
	for {
		select {
		case b, ok = <-c.intake.order:
			return b, ok
		case <-c.due.C:
			c.flush(ctx)
		}
	}
}

// add puts a finished item into the group, and commits that when it is full.
func (c *committer) add(ctx context.Context, it *item) {
	if it.err != nil {
		c.whole = false
		c.stop(c.explain(it))
	}
	if len(c.group.items) == 0 {
		c.due.Reset(patience)
	}
	c.group.add(it, c.whole)
	if len(c.group.items) >= grouped {
		c.flush(ctx)
	}
}

// flush commits the group and begins another.
func (c *committer) flush(ctx context.Context) {
	c.due.Stop()
	err := c.commit(ctx, &c.group)
	c.intake.done(len(c.group.items))
	c.group.clear()
	if err == nil {
		return
	}
	if c.failed == nil || c.failed.Error() != err.Error() { // a full disk says the same each time
		c.failed = errors.Join(c.failed, err)
	}
	c.whole = false
	c.stop(err)
}

// bell tells the committer that the item it waits for is finished.
type bell struct {
	wanted atomic.Pointer[item]
	rung   chan struct{} // holds one ring
}

// ring says that an item is finished.
func (b *bell) ring(it *item) {
	it.final.Store(true)
	if b == nil || b.wanted.Load() != it {
		return
	}
	select {
	case b.rung <- struct{}{}:
	default: // it rings already
	}
}

// await waits for an item to be finished. It returns false where due comes
// first.
func (b *bell) await(it *item, due <-chan time.Time) bool {
	if it.final.Load() {
		return true
	}
	b.wanted.Store(it) // before the next look at final, which ring sets before it looks at wanted
	for !it.final.Load() {
		select {
		case <-b.rung:
		case <-due:
			return false
		}
	}
	return true
}

// explain is an item's error with what it was about.
func (r *run) explain(it *item) error {
	what := it.key
	if what == "" {
		what = "a record that can't be archived"
	}
	return fmt.Errorf("archive %s (%s, offset %d): %w", what, it.part, it.offset, it.err)
}

// add puts a finished item into the group.
func (g *group) add(it *item, withCursor bool) {
	g.items = append(g.items, it)
	if it.err != nil {
		return
	}
	if it.row.Key != "" && it.outcome != refused {
		g.Documents = append(g.Documents, it.row)
	}
	if it.raw != nil {
		g.Quarantined = append(g.Quarantined, *it.raw)
	}
	if c := it.rec.Cursor; c != nil && withCursor {
		if g.cursors == nil {
			g.cursors = map[ledger.Cursor]string{}
		}
		g.cursors[ledger.Cursor{Source: it.source, Part: c.Part}] = c.Value
	}
}

// clear empties the group, keeping its memory.
func (g *group) clear() {
	clear(g.items)
	clear(g.Documents)
	g.items, g.Documents = g.items[:0], g.Documents[:0]
	g.Quarantined, g.Cursors = nil, nil
	clear(g.cursors)
}

// commit records the group, then counts and names what is in it. The end of
// ctx does not keep what is already in the store from being recorded.
func (r *run) commit(ctx context.Context, g *group) error {
	if !r.DryRun {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTime)
		defer cancel()
		if err := r.record(ctx, g); err != nil {
			return err
		}
	}
	r.claims.committed(g.items)
	r.tally.add(g.items)
	for _, it := range g.items {
		if it.err == nil {
			r.notice(it)
		}
	}
	return nil
}

func (r *run) record(ctx context.Context, g *group) error {
	forget := map[string][]string{}
	for c, value := range g.cursors {
		if value == "" {
			forget[c.Source] = append(forget[c.Source], c.Part)
			continue
		}
		g.Cursors = append(g.Cursors, ledger.Cursor{Source: c.Source, Part: c.Part, Value: value})
	}
	if len(g.Documents)+len(g.Quarantined)+len(g.Cursors) > 0 {
		if err := r.Ledger.Commit(ctx, g.Batch); err != nil {
			return err
		}
	}
	for name, parts := range forget {
		if err := r.Ledger.DeleteCursors(ctx, name, parts...); err != nil {
			return err
		}
	}
	return nil
}

// notice names an item that did not go as usual.
func (r *run) notice(it *item) {
	if r.Notice == nil {
		return
	}
	n := Notice{Part: it.part, Offset: it.offset, Key: it.row.Key, Reason: it.reason}
	switch it.outcome {
	case quarantined:
		n.What = "quarantined"
		if it.raw != nil {
			n.Key = it.raw.Key
		}
	case refused:
		n.What = "refused"
	case unverified:
		n.What = "unverified"
	case unreadable:
		n.What = "unreadable"
	default:
		return
	}
	r.Notice(n)
}
