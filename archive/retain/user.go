package retain

import (
	"context"
)

// UserErased is what erasing all of a user did. Its JSON form is what erase --json
// prints; it only grows.
type UserErased struct {
	Documents    int64    `json:"documents"` // versions of jobs and events that are gone
	Segments     int64    `json:"segments"`  // removed or rewritten
	Exports      int64    `json:"exports"`
	Quarantined  int64    `json:"quarantined"`  // records of the user that were in quarantine
	Unattributed int64    `json:"unattributed"` // quarantined records of which nothing tells whose they are
	Held         int64    `json:"held"`         // versions that a hold keeps: they go when it is released
	Retained     []string `json:"retained"`     // keys that the store does not let go
	Left         []string `json:"left"`         // keys that were found when all was done, and should not have been
}

// EraseUser removes everything of a user for good: documents and events, every
// version and whatever lies beside them, the rows in segments, files made for
// download, and what is in quarantine. It is recorded in the store first, with ids
// and hashes alone, so that the same records are refused when they come again, also
// by a ledger that is made anew. At the end it looks whether anything is left.
//
// It may be interrupted and repeated. What the store keeps is a *store.RetainedError,
// what holds keep a *HeldError, and everything else is gone then.
func EraseUser(ctx context.Context, c Config, user string, why Why, progress func(UserErased)) (UserErased, error) {
	panic("contract")
}

// HeldError says that holds keep something from being erased. It goes when they are
// released: the erasure is on record.
type HeldError struct {
	Versions int64
	Holds    []string // their ids
}

// Error names the holds.
func (e *HeldError) Error() string { panic("contract") }
