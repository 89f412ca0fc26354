package archive

import (
	"context"

	"logstow/archive/ledger"
)

// inspectAll is the second stage: it reads records, asks the ledger about
// them, many at a time, and passes on those that are to be written.
func (r *run) inspectAll(ctx context.Context) {
	for b := r.intake.take(); b != nil; b = r.intake.take() {
		r.inspectBatch(ctx, b)
	}
}

// inspectBatch reads a batch's records beside other batches, and claims their
// jobs in source order, so that the first version to come gets the key.
func (r *run) inspectBatch(ctx context.Context, b *batch) {
	var held, fresh, broken []*item
	for _, it := range b.items {
		if !it.final.Load() {
			it.outcome, it.err = r.inspectOne(ctx, it)
		}
	}
	<-b.before
	for _, it := range b.items {
		switch {
		case it.final.Load(): // it never was a record
		case it.err != nil || it.outcome == skipped:
			it.finish(it.outcome, it.err)
		case it.outcome == quarantined:
			broken = append(broken, it)
		default:
			first, unknown := r.claims.enter(it)
			if unknown {
				fresh = append(fresh, it)
			}
			if first {
				held = append(held, it)
			}
		}
	}
	close(b.claimed)

	r.lookUp(ctx, fresh)
	for _, it := range held {
		if o, err := decide(it); err != nil || o != undecided {
			r.leave(ctx, it, o, err, false)
			continue
		}
		r.writes <- it
	}
	for _, it := range broken {
		r.writes <- it
	}
}

func (r *run) inspectOne(ctx context.Context, it *item) (outcome, error) {
	if ctx.Err() != nil {
		return undecided, ctx.Err()
	}
	return it.inspect(r.Kinds)
}

// lookUp fills the claims of items with what the ledger knows.
func (r *run) lookUp(ctx context.Context, items []*item) {
	if len(items) == 0 || r.Ledger == nil {
		return
	}
	refs := make([]ledger.Ref, len(items))
	for i, it := range items {
		refs[i] = it.ref()
	}
	found, err := r.Ledger.Find(ctx, refs)
	for i, it := range items {
		if it.busy.err = err; err == nil {
			it.busy.versions = found[i]
		}
	}
}

// decide says what the ledger's knowledge makes of a record; undecided means
// that it is to be written. A version that could not be compared when it was
// recorded is tried again. The error is that of the look-up.
func decide(it *item) (outcome, error) {
	if it.busy.err != nil {
		return undecided, it.busy.err
	}
	v, ok := it.busy.known(it)
	switch {
	case !ok || v.State == ledger.Stored && !v.Verified:
		return undecided, nil
	case v.State == ledger.Stored:
		return alreadyArchived, nil
	}
	it.reason = "this job's record was erased before"
	if v.State == ledger.Expiring || v.State == ledger.Expired {
		it.reason = "this job's record has expired"
	}
	it.row.Key = v.Key
	return refused, nil
}

// leave finishes an item and goes on with the next one of the same job. inline
// tells that this goroutine is a writer and may write it.
func (r *run) leave(ctx context.Context, it *item, o outcome, err error, inline bool) {
	for {
		next := r.claims.leave(it.busy)
		it.finish(o, err)
		if next == nil {
			return
		}
		it = next
		if o, err = decide(it); err == nil {
			err = ctx.Err()
		}
		if err != nil || o != undecided {
			continue
		}
		if !inline {
			r.writes <- it
			return
		}
		o, err = r.write(ctx, it)
	}
}
