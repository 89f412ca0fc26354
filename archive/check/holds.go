package check

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"logstow/archive/holds"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

// holds reads the holds of the store. Without them nothing may be removed, and a
// ledger made anew holds by them.
func (k *checker) holds(ctx context.Context) error {
	known, err := k.Ledger.Holds(ctx, false)
	if err != nil {
		return err
	}
	standing := map[string]ledger.Hold{}
	for _, h := range known {
		standing[h.ID] = h
	}
	if err := k.readHolds(ctx, standing); err != nil {
		return err
	}
	for _, h := range known {
		if err := k.knownHold(ctx, h); err != nil {
			return err
		}
	}
	k.allHolds = slices.Collect(maps.Values(standing))
	k.standing = holds.NewStanding(k.allHolds)
	return nil
}

// readHolds reads the holds of the store, by their ids: those that aren't known, and
// whether they were released.
func (k *checker) readHolds(ctx context.Context, all map[string]ledger.Hold) error {
	placed, released, err := k.listHolds(ctx)
	if err != nil {
		return err
	}
	for _, id := range placed {
		h, err := holds.Read(ctx, k.Store, id)
		if err != nil {
			if err = k.unreadableHold(ctx, layout.Hold(id), err); err != nil {
				return err
			}
			continue
		}
		if _, ok := all[id]; !ok {
			all[id] = h
		}
	}
	for _, id := range released {
		h, ok := all[id]
		if !ok {
			continue
		}
		if err := holds.ReadRelease(ctx, k.Store, &h); err != nil {
			if err = k.unreadableHold(ctx, layout.HoldRelease(id), err); err != nil {
				return err
			}
			continue
		}
		all[id] = h
	}
	return nil
}

// listHolds returns the ids of the holds that the store has, and those of what it
// has as released.
func (k *checker) listHolds(ctx context.Context) (placed, released []string, err error) {
	err = k.list(ctx, layout.Holds, func(info store.Info) error {
		switch n, err := layout.Parse(info.Key); {
		case err != nil: // the walk says so
		case n.Kind == layout.HoldKey:
			placed = append(placed, n.ID)
		case n.Kind == layout.ReleaseKey:
			released = append(released, n.ID)
		}
		return nil
	})
	return placed, released, err
}

// unreadableHold reports an object that says something of a hold, and can't be
// read. None is ever changed or removed once it is put.
func (k *checker) unreadableHold(ctx context.Context, key string, cause error) error {
	there, err := k.there(ctx, key)
	if err != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	f := Finding{Kind: Damaged, Damage: true, Key: key, Reason: cause.Error()}
	switch {
	case !there:
		f.Kind, f.Reason = Missing, "it was listed, and is not there"
	case !errors.Is(cause, holds.ErrDamaged) && !unreadable(cause):
		return cause
	}
	k.find(f)
	return nil
}

// knownHold looks whether the store has what the ledger knows of a hold.
func (k *checker) knownHold(ctx context.Context, h ledger.Hold) error {
	active := h.Released.IsZero()
	there, err := k.there(ctx, layout.Hold(h.ID))
	if err != nil {
		return err
	}
	if !there {
		k.find(Finding{Kind: Missing, Damage: active, Key: layout.Hold(h.ID), Reason: "the ledger has this hold: a ledger made anew would not know that anything is on hold"})
		return nil
	}
	if active {
		return nil
	}
	there, err = k.there(ctx, layout.HoldRelease(h.ID))
	if err == nil && !there {
		k.find(Finding{Kind: Missing, Key: layout.HoldRelease(h.ID), Reason: "the ledger says that hold " + h.ID + " was released: a ledger made anew would hold again"})
	}
	return err
}

// keeps tells whether a hold keeps what is to be erased, or did until a run of
// retain that would have erased it.
func (k *checker) keeps(d *ledger.Document) bool {
	if len(k.standing.Of(d)) > 0 {
		return true
	}
	for _, h := range k.allHolds {
		released := h.Released
		h.Released = time.Time{}
		if !released.IsZero() && k.since(released) < overdue && h.Holds(d) {
			return true
		}
	}
	return false
}
