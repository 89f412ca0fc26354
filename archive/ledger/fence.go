package ledger

import (
	"context"
	"database/sql"
	"errors"
)

// fenceKey is the key of a Lease in a context.
type fenceKey struct{}

// WithFence returns a context for what is done under a lease: every call that
// changes a ledger with it, whatever it changes, is ErrFenced and changes
// nothing once somebody else was given the lease, or it was given back.
func WithFence(ctx context.Context, have Lease) context.Context {
	return context.WithValue(ctx, fenceKey{}, have)
}

// CheckFence is ErrFenced where ctx is of a lease (see WithFence) that somebody
// else was given since, or that was given back. Without a lease it is nil.
// Whoever is about to delete something from a store asks right before. What
// remains is who is paused between this call and the deletion: one object, that
// the ledger had marked for deletion, and that whoever has the lease now deletes
// as well.
func (l *Ledger) CheckFence(ctx context.Context) error {
	if _, ok := ctx.Value(fenceKey{}).(Lease); !ok {
		return nil
	}
	return l.call("check fence", func() error { return checkFence(ctx, l.reader) })
}

// checkFence is ErrFenced where ctx is of a lease that was lost.
func checkFence(ctx context.Context, q querier) error {
	have, ok := ctx.Value(fenceKey{}).(Lease)
	if !ok {
		return nil
	}
	return checkLease(ctx, q, have)
}

func checkLease(ctx context.Context, q querier, have Lease) error {
	var one int
	err := q.QueryRowContext(ctx, heldLeaseSQL, have.Task, have.Fence).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return leaseFenced(have)
	}
	return err
}
