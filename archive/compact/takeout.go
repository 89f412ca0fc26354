package compact

import (
	"context"

	"logstow/archive/ledger"
)

// TakeOut copies a document out of its segment to its own key, byte for byte, with
// what was done to it beside it, and has it lie there from now on. Where it does
// already, nothing is done. It returns the document as the ledger has it then.
// Where its object is just being removed as an input it waits for that.
//
// It is ledger.ErrMoved where it is no longer Stored.
func TakeOut(ctx context.Context, c Config, d ledger.Document) (ledger.Document, error) {
	panic("contract")
}
