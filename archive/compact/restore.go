package compact

import (
	"context"

	"logstow/archive/ledger"
)

// Restored is what a Restore did.
type Restored struct {
	Documents       int64   `json:"documents"` // copied out
	Bytes           int64   `json:"bytes"`
	AlreadyThere    int64   `json:"already_there"` // that lay under their own keys
	DurationSeconds float64 `json:"duration_seconds"`
}

// Restore takes out of their segments what q selects, several at once. A later
// run of Run packs them again, unless a hold keeps them.
func Restore(ctx context.Context, c Config, q ledger.Query, progress func(Restored)) (Restored, error) {
	panic("contract")
}
