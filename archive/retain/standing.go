package retain

import (
	"context"
	"fmt"

	"logstow/archive/ledger"
)

// standing is the active holds, to be looked up for many documents.
type standing struct {
	wide  []ledger.Hold
	byJob map[string][]ledger.Hold // those that name one
}

// standingHolds returns the active holds that the store or the ledger has. It
// records nothing.
func standingHolds(ctx context.Context, c Config) (standing, error) {
	known, err := c.Ledger.Holds(ctx, false)
	if err != nil {
		return standing{}, fmt.Errorf("load holds: %w", err)
	}
	all := make(map[string]ledger.Hold, len(known))
	for _, h := range known {
		all[h.ID] = h
	}
	found, err := listHolds(ctx, c.Store)
	if err != nil {
		return standing{}, fmt.Errorf("load holds: %w", err)
	}
	fresh, err := readHolds(ctx, c.Store, found, all)
	if err != nil {
		return standing{}, fmt.Errorf("load holds: %w", err)
	}
	latest := map[string]ledger.Hold{}
	for _, h := range fresh {
		latest[h.ID] = h
	}
	s := standing{byJob: map[string][]ledger.Hold{}}
	for _, h := range known {
		if newer, ok := latest[h.ID]; ok {
			h = newer
			delete(latest, h.ID)
		}
		s.add(h)
	}
	for _, h := range fresh {
		if _, ok := latest[h.ID]; ok {
			s.add(h)
		}
	}
	return s, nil
}

func (s *standing) add(h ledger.Hold) {
	switch {
	case !h.Released.IsZero():
	case h.Scope.Job != "":
		s.byJob[h.Scope.Job] = append(s.byJob[h.Scope.Job], h)
	default:
		s.wide = append(s.wide, h)
	}
}

// of returns the ids of the holds that match d.
func (s *standing) of(d *ledger.Document) (ids []string) {
	for _, some := range [][]ledger.Hold{s.wide, s.byJob[d.Job]} {
		for i := range some {
			if some[i].Holds(d) {
				ids = append(ids, some[i].ID)
			}
		}
	}
	return ids
}
