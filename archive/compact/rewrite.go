package compact

import (
	"context"

	"logstow/archive/ledger"
)

// Rewrite makes new segments of what is Stored in these, of one user and month,
// and removes these at once, whatever their grace: what lies in them and is not
// Stored is gone then, with every version of the files. It is how rows are erased
// and expire. Where nothing in them is Stored they are removed. What the store
// does not let go is a *store.RetainedError, and everything else was done.
func Rewrite(ctx context.Context, c Config, segments []ledger.Segment) error {
	panic("contract")
}
