package archive

import (
	"context"
	"errors"
	"fmt"
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
	began   time.Time
}

// commitAll is the last stage: it records finished items in source order. A
// cursor goes with all that lies before it. The first failed item stops the
// run; no cursor is recorded from there on, but what was written still is.
func (r *run) commitAll(ctx context.Context, stop context.CancelCauseFunc) error {
	var failed error
	whole := true // nothing before the next item failed
	g := &group{}
	flush := func() {
		if err := r.commit(ctx, g); err != nil {
			if failed == nil || failed.Error() != err.Error() { // a full disk says the same each time
				failed = errors.Join(failed, err)
			}
			whole = false
			stop(err)
		}
		g = &group{}
	}
	for {
		it, ok, late := await(r.order, g)
		if late {
			flush()
			continue
		}
		if !ok {
			break
		}
		for !finished(it, g) {
			flush()
		}
		if it.err != nil {
			whole = false
			stop(r.explain(it))
		}
		g.add(it, whole)
		if len(g.items) >= grouped {
			flush()
		}
	}
	flush()
	return failed
}

// await receives from c. late tells that it received nothing, because the group
// has waited long enough and should be committed first.
func await[T any](c <-chan T, g *group) (v T, ok, late bool) {
	select {
	case v, ok = <-c:
		return v, ok, false
	default:
	}
	var due <-chan time.Time // never, while there is nothing to commit
	if len(g.items) > 0 {
		due = time.After(time.Until(g.began.Add(patience)))
	}
	select {
	case v, ok = <-c:
		return v, ok, false
	case <-due:
		return v, false, true
	}
}

// finished waits for the item, unless the group should be committed first.
func finished(it *item, g *group) bool {
	_, _, late := await(it.done, g)
	return !late
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
	if len(g.items) == 0 {
		g.began = time.Now()
	}
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
	for _, it := range g.items {
		if it.err == nil {
			r.tally.add(it)
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
