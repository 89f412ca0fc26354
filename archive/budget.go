package archive

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// DefaultBudget is how many bytes of records a run holds in memory where
// nothing else is said.
const DefaultBudget = 32 << 20

// Budget bounds the bytes of records that are in memory at once. It implements
// source.Budget and is safe for concurrent use.
type Budget struct {
	free  *semaphore.Weighted
	total int64
}

// NewBudget returns a budget of that many bytes.
func NewBudget(bytes int64) *Budget {
	return &Budget{free: semaphore.NewWeighted(bytes), total: bytes}
}

// Acquire waits until n bytes are free. What is larger than the whole budget
// waits until all of it is free, and then passes alone.
func (b *Budget) Acquire(ctx context.Context, n int64) error {
	return b.free.Acquire(ctx, min(n, b.total))
}

// Release gives n bytes back, as they were acquired.
func (b *Budget) Release(n int64) { b.free.Release(min(n, b.total)) }
