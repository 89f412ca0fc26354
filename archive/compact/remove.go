package compact

import (
	"context"

	"logstow/archive/ledger"
)

// RemoveSegment removes a segment in which nothing Stored lies, with its manifest
// and every version of both. It is safe to repeat. What the store does not let go
// is a *store.RetainedError.
func RemoveSegment(ctx context.Context, c Config, s ledger.Segment) error {
	panic("contract")
}
