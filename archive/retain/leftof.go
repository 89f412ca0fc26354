package retain

import (
	"context"
	"fmt"

	"logstow/archive/ledger"
	"logstow/layout"
)

// LeftOf looks in the store and the ledger what is left of versions that were
// erased, and returns the keys of all of it.
func LeftOf(ctx context.Context, c Config, docs []ledger.Document) ([]string, error) {
	var left []string
	now, err := c.Ledger.ByIDs(ctx, docs)
	if err != nil {
		return nil, fmt.Errorf("look for what is left: %w", err)
	}
	strays, err := c.strays(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("look for what is left: %w", err)
	}
	for _, d := range now {
		if d.State != ledger.Erased {
			left = append(left, d.Key)
			continue
		}
		for _, key := range []string{layout.Overflow(d.Key), d.Key, layout.Meta(d.Key), strays[d.Key].overflow} {
			if key == "" {
				continue
			}
			there, err := isThere(ctx, c, key)
			if err != nil {
				return nil, fmt.Errorf("look for what is left: %w", err)
			}
			if there {
				left = append(left, key)
			}
		}
		copies, err := c.Ledger.Copies(ctx, d.ID)
		if err != nil {
			return nil, fmt.Errorf("look for what is left: %w", err)
		}
		for _, s := range copies {
			left = append(left, s.Key)
		}
	}
	return left, nil
}

// isThere tells whether the store has an object, or a version of it.
func isThere(ctx context.Context, c Config, key string) (bool, error) {
	for found, err := range keysBelow(ctx, c.Store, key) {
		return found == key, err // they are in order, and key is the first of those it begins
	}
	return false, nil
}
