package ledger

import (
	"context"
	"time"

	"logstow/layout"
)

// Hold keeps whatever is within its scope from being removed or moved, now and
// later, until it is released. The store has it; the ledger has a copy.
type Hold struct {
	ID     string // 32 hex digits
	Scope  layout.Scope
	By     string
	Reason string
	Placed time.Time

	Released      time.Time // zero: it is active
	ReleasedBy    string
	ReleaseReason string
}

// Holds tells whether it is active and d within its scope.
func (h *Hold) Holds(d *Document) bool {
	return h.Released.IsZero() && h.Scope.Matches(layout.Subject{
		User: d.User, Recipe: d.Recipe, Job: d.Job, Status: d.Status, Kind: d.Kind, Time: d.Time,
	})
}

// RecordHolds records holds that the store has, or what became of them: one that
// is known is only ever released. It returns, of each that was not known, what
// of it is being removed already, at most ten of them: that can't be held any
// more.
func (l *Ledger) RecordHolds(ctx context.Context, holds []Hold) (leaving []Document, err error) {
	panic("contract")
}

// Holds returns all holds, or the active ones alone, in the order of their
// placing.
func (l *Ledger) Holds(ctx context.Context, active bool) ([]Hold, error) {
	panic("contract")
}

// Owed yields the Stored documents whose erasure was asked for while something
// held them, in the order of recording.
func (l *Ledger) Owed(ctx context.Context) ([]Document, error) {
	panic("contract")
}
