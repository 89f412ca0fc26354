package retain

import (
	"context"

	"logstow/archive/holds"
	"logstow/archive/ledger"
)

// LoadHolds reads all holds of the store into the ledger. Whatever removes or moves
// documents calls it first, and does nothing where it fails: another machine may
// have placed some. One that can't be read is an error, which names it. What the
// ledger has already isn't read again.
func LoadHolds(ctx context.Context, c Config) error {
	return holds.Load(ctx, c.Store, c.Ledger)
}

// Holds returns all holds that the store or the ledger has, in the order of their
// placing. It writes nothing.
func Holds(ctx context.Context, c Config) ([]ledger.Hold, error) {
	return holds.All(ctx, c.Store, c.Ledger)
}

// standingHolds returns the active holds that the store or the ledger has. It
// records nothing.
func standingHolds(ctx context.Context, c Config) (holds.Standing, error) {
	all, err := Holds(ctx, c)
	return holds.NewStanding(all), err
}
