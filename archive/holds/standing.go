package holds

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"logstow/archive/ledger"
	"logstow/archive/store"
)

// All returns all holds that the store or the ledger has, in the order of their
// placing, as the latest of both says. It writes nothing; l may be nil.
func All(ctx context.Context, s store.Store, l *ledger.Ledger) ([]ledger.Hold, error) {
	var known []ledger.Hold
	if l != nil {
		var err error
		if known, err = l.Holds(ctx, false); err != nil {
			return nil, fmt.Errorf("look for holds: %w", err)
		}
	}
	fresh, err := Fresh(ctx, s, known)
	if err != nil {
		return nil, fmt.Errorf("look for holds: %w", err)
	}
	byID := map[string]ledger.Hold{}
	for _, h := range append(known, fresh...) {
		byID[h.ID] = h
	}
	return slices.SortedFunc(maps.Values(byID), ByPlacing), nil
}

// Standing is the holds that are active, to be looked up for many documents.
type Standing struct {
	wide  []ledger.Hold
	byJob map[string][]ledger.Hold // those that name one
}

// NewStanding looks up those of these holds that are active.
func NewStanding(all []ledger.Hold) Standing {
	s := Standing{byJob: map[string][]ledger.Hold{}}
	for _, h := range all {
		switch {
		case !h.Released.IsZero():
		case h.Scope.Job != "":
			s.byJob[h.Scope.Job] = append(s.byJob[h.Scope.Job], h)
		default:
			s.wide = append(s.wide, h)
		}
	}
	return s
}

// Of returns the ids of the holds that match d.
func (s *Standing) Of(d *ledger.Document) (ids []string) {
	for _, some := range [][]ledger.Hold{s.wide, s.byJob[d.Job]} {
		for i := range some {
			if some[i].Holds(d) {
				ids = append(ids, some[i].ID)
			}
		}
	}
	return ids
}
