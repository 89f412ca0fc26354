// Package holds reads the holds that a store has.
package holds

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

const (
	// MaxRecord is how large what is said of a hold may be, in bytes: a scope of
	// thousands of statuses has room in it, and nothing that fills the memory.
	MaxRecord = 1 << 20

	// atOnce is how many of them are read at once.
	atOnce = 16
)

// ErrDamaged says that an object of the store isn't what is said of a hold.
var ErrDamaged = errors.New("not what is said of a hold")

// Load reads all holds of the store into the ledger. One that can't be read is an
// error, which names it, and nothing is recorded then. What the ledger has already
// isn't read again.
func Load(ctx context.Context, s store.Store, l *ledger.Ledger) error {
	known, err := l.Holds(ctx, false)
	if err != nil {
		return fmt.Errorf("load holds: %w", err)
	}
	fresh, err := Fresh(ctx, s, known)
	if err != nil {
		return fmt.Errorf("load holds: %w", err)
	}
	if len(fresh) == 0 {
		return nil
	}
	// Whoever placed them was told what was being removed by then.
	if _, err := l.RecordHolds(ctx, fresh); err != nil {
		return fmt.Errorf("load holds: %w", err)
	}
	return nil
}

// Fresh returns what the store has that those who know these holds don't know yet:
// other holds, and those of them that were released. They are in the order of their
// placing.
func Fresh(ctx context.Context, s store.Store, known []ledger.Hold) ([]ledger.Hold, error) {
	found, err := list(ctx, s)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]ledger.Hold, len(known))
	for _, h := range known {
		byID[h.ID] = h
	}
	return read(ctx, s, found, byID)
}

// found is what the store's listing has of a hold.
type found struct {
	id               string
	placed, released bool
}

// list returns the holds that the store has, in the order of their ids.
func list(ctx context.Context, s store.Store) ([]found, error) {
	var all []found
	for info, err := range s.List(ctx, store.ListOptions{Prefix: layout.Holds}) {
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", layout.Holds, err)
		}
		n, err := layout.Parse(info.Key)
		if err != nil {
			continue // somebody else's, which check tells of
		}
		if len(all) == 0 || all[len(all)-1].id != n.ID { // a release lists after its hold
			all = append(all, found{id: n.ID})
		}
		last := &all[len(all)-1]
		last.placed = last.placed || n.Kind == layout.HoldKey
		last.released = last.released || n.Kind == layout.ReleaseKey
	}
	return all, nil
}

// read reads what isn't known yet of holds.
func read(ctx context.Context, s store.Store, all []found, known map[string]ledger.Hold) ([]ledger.Hold, error) {
	var mu sync.Mutex // guards fresh
	var fresh []ledger.Hold
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, f := range all {
		h, ok := known[f.id]
		if ok && (!f.released || !h.Released.IsZero()) || !ok && !f.placed {
			continue // nothing new, or the release of what the store hasn't
		}
		g.Go(func() error {
			if !ok {
				var err error
				if h, err = Read(gctx, s, f.id); err != nil {
					return err
				}
			}
			if f.released {
				if err := ReadRelease(gctx, s, &h); err != nil {
					return err
				}
			}
			mu.Lock()
			defer mu.Unlock()
			fresh = append(fresh, h)
			return nil
		})
	}
	err := g.Wait()
	slices.SortFunc(fresh, ByPlacing)
	return fresh, err
}

// Read reads a hold of the store, without what became of it. What is none is
// ErrDamaged.
func Read(ctx context.Context, s store.Store, id string) (ledger.Hold, error) {
	key := layout.Hold(id)
	r, err := content[layout.HoldRecord](ctx, s, key)
	if err != nil {
		return ledger.Hold{}, err
	}
	if r.ID != id {
		return ledger.Hold{}, fmt.Errorf("read %s: %w: it says that it is hold %.40q", key, ErrDamaged, r.ID)
	}
	if r.At.IsZero() {
		return ledger.Hold{}, fmt.Errorf("read %s: %w: it doesn't say since when it holds", key, ErrDamaged)
	}
	return ledger.Hold{ID: id, Scope: r.Scope, By: r.By, Reason: r.Reason, Placed: r.At.UTC()}, nil
}

// ReadRelease reads into h that it was released. What doesn't say so is ErrDamaged.
func ReadRelease(ctx context.Context, s store.Store, h *ledger.Hold) error {
	key := layout.HoldRelease(h.ID)
	r, err := content[layout.ReleaseRecord](ctx, s, key)
	if err != nil {
		return err
	}
	if r.ID != h.ID {
		return fmt.Errorf("read %s: %w: it says that it releases hold %.40q", key, ErrDamaged, r.ID)
	}
	if r.At.IsZero() {
		return fmt.Errorf("read %s: %w: it doesn't say when the hold was released", key, ErrDamaged)
	}
	h.Released, h.ReleasedBy, h.ReleaseReason = r.At.UTC(), r.By, r.Reason
	return nil
}

// content reads what a small object says of a hold. One that is larger than any
// that logstow writes is an error. What a later version may have narrowed a scope
// by is passed over, which holds more.
func content[T layout.HoldRecord | layout.ReleaseRecord](ctx context.Context, s store.Store, key string) (of T, err error) {
	r, info, err := s.Get(ctx, key, store.Range{})
	if err != nil {
		return of, fmt.Errorf("read %s: %w", key, err)
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, MaxRecord+1))
	switch {
	case err != nil:
		return of, fmt.Errorf("read %s: %w", key, err)
	case len(b) > MaxRecord:
		return of, fmt.Errorf("read %s: %w: it has %d bytes, and may have %d", key, ErrDamaged, info.Size, MaxRecord)
	}
	if of, err = layout.Decode[T](b); err != nil {
		return of, fmt.Errorf("read %s: %w: %w", key, ErrDamaged, err)
	}
	return of, nil
}

// ByPlacing orders holds by when they were placed.
func ByPlacing(a, b ledger.Hold) int {
	return cmp.Or(a.Placed.Compare(b.Placed), cmp.Compare(a.ID, b.ID))
}
