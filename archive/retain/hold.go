package retain

import (
	"context"

	"logstow/archive/ledger"
)

// Placed is what placing a hold did.
type Placed struct {
	Hold      ledger.Hold `json:"hold"`
	Documents int64       `json:"documents"` // Stored ones within its scope now
	TakenOut  int64       `json:"taken_out"` // of those, copied out of segments
	Locked    int64       `json:"locked"`    // of those, under the store's own legal hold
}

// LeavingError says that what was to be held is being removed already.
type LeavingError struct {
	Documents []ledger.Document // some of them
}

// Error names them.
func (e *LeavingError) Error() string { panic("contract") }

// Place places a hold: puts it in the store, then into the ledger, then takes what
// is within its scope out of segments, and puts the store's legal hold on it where
// the store has such. It holds whatever is archived later, too. h.ID and h.Placed
// are set by Place where empty.
//
// Once the store has it, it holds, and Place with the same ID goes on. What is being
// removed already is a *LeavingError; everything else is held then.
func Place(ctx context.Context, c Config, h ledger.Hold, progress func(Placed)) (Placed, error) {
	panic("contract")
}

// Release releases a hold, and takes the store's legal hold off what no other hold
// matches. What it had kept from happening happens at the next run of Expire. One
// that is released already stays so. fs.ErrNotExist where there is none of that id,
// which may be shortened as long as only one begins so.
func Release(ctx context.Context, c Config, id, by, reason string) (ledger.Hold, error) {
	panic("contract")
}
