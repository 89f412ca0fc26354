package retain

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

const (
	// maxHold is how large what is said of a hold may be: a scope of thousands of
	// statuses has room in it, and nothing that fills the memory.
	maxHold = 1 << 20

	// holdsAtOnce is how many of them are read at once.
	holdsAtOnce = 16
)

// LoadHolds reads all holds of the store into the ledger. Whatever removes or moves
// documents calls it first, and does nothing where it fails: another machine may
// have placed some. One that can't be read is an error, which names it. What the
// ledger has already isn't read again.
func LoadHolds(ctx context.Context, c Config) error {
	known := map[string]ledger.Hold{}
	all, err := c.Ledger.Holds(ctx, false)
	if err != nil {
		return fmt.Errorf("load holds: %w", err)
	}
	for _, h := range all {
		known[h.ID] = h
	}
	found, err := listHolds(ctx, c.Store)
	if err != nil {
		return fmt.Errorf("load holds: %w", err)
	}
	fresh, err := readHolds(ctx, c.Store, found, known)
	if err != nil {
		return fmt.Errorf("load holds: %w", err)
	}
	if len(fresh) == 0 {
		return nil
	}
	// Whoever placed them was told what was being removed by then.
	if _, err := c.Ledger.RecordHolds(ctx, fresh); err != nil {
		return fmt.Errorf("load holds: %w", err)
	}
	return nil
}

// foundHold is what the store's listing has of a hold.
type foundHold struct {
	id               string
	placed, released bool
}

// listHolds returns the holds that the store has, in the order of their ids.
func listHolds(ctx context.Context, s store.Store) ([]foundHold, error) {
	var found []foundHold
	for info, err := range s.List(ctx, store.ListOptions{Prefix: layout.Holds}) {
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", layout.Holds, err)
		}
		n, err := layout.Parse(info.Key)
		if err != nil {
			continue // somebody else's, which check tells of
		}
		if len(found) == 0 || found[len(found)-1].id != n.ID { // a release lists after its hold
			found = append(found, foundHold{id: n.ID})
		}
		last := &found[len(found)-1]
		last.placed = last.placed || n.Kind == layout.HoldKey
		last.released = last.released || n.Kind == layout.ReleaseKey
	}
	return found, nil
}

// readHolds reads what the ledger doesn't know yet of holds.
func readHolds(ctx context.Context, s store.Store, found []foundHold, known map[string]ledger.Hold) ([]ledger.Hold, error) {
	var mu sync.Mutex // guards fresh
	var fresh []ledger.Hold
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(holdsAtOnce)
	for _, f := range found {
		h, ok := known[f.id]
		if ok && (!f.released || !h.Released.IsZero()) || !ok && !f.placed {
			continue // nothing new, or the release of what the store hasn't
		}
		g.Go(func() error {
			if !ok {
				var err error
				if h, err = readHold(gctx, s, f.id); err != nil {
					return err
				}
			}
			if f.released {
				if err := readRelease(gctx, s, &h); err != nil {
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
	slices.SortFunc(fresh, byPlacing)
	return fresh, err
}

// readHold reads a hold, without what became of it.
func readHold(ctx context.Context, s store.Store, id string) (ledger.Hold, error) {
	key := layout.Hold(id)
	r, err := readContent[layout.HoldRecord](ctx, s, key)
	if err != nil {
		return ledger.Hold{}, err
	}
	if r.ID != id {
		return ledger.Hold{}, fmt.Errorf("read %s: it says that it is hold %.40q", key, r.ID)
	}
	if r.At.IsZero() {
		return ledger.Hold{}, fmt.Errorf("read %s: it doesn't say since when it holds", key)
	}
	return ledger.Hold{ID: id, Scope: r.Scope, By: r.By, Reason: r.Reason, Placed: r.At.UTC()}, nil
}

// readRelease reads into h that it was released.
func readRelease(ctx context.Context, s store.Store, h *ledger.Hold) error {
	key := layout.HoldRelease(h.ID)
	r, err := readContent[layout.ReleaseRecord](ctx, s, key)
	if err != nil {
		return err
	}
	if r.ID != h.ID {
		return fmt.Errorf("read %s: it says that it releases hold %.40q", key, r.ID)
	}
	if r.At.IsZero() {
		return fmt.Errorf("read %s: it doesn't say when the hold was released", key)
	}
	h.Released, h.ReleasedBy, h.ReleaseReason = r.At.UTC(), r.By, r.Reason
	return nil
}

// readContent reads what a small object says of a hold. One that is larger than
// any that logstow writes is an error. What a later version may have narrowed a
// scope by is passed over, which holds more.
func readContent[T layout.HoldRecord | layout.ReleaseRecord](ctx context.Context, s store.Store, key string) (content T, err error) {
	r, info, err := s.Get(ctx, key, store.Range{})
	if err != nil {
		return content, fmt.Errorf("read %s: %w", key, err)
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxHold+1))
	switch {
	case err != nil:
		return content, fmt.Errorf("read %s: %w", key, err)
	case len(b) > maxHold:
		return content, fmt.Errorf("read %s: it has %d bytes, and what is said of a hold at most %d", key, info.Size, maxHold)
	}
	if content, err = layout.Decode[T](b); err != nil {
		return content, fmt.Errorf("read %s: %w", key, err)
	}
	return content, nil
}

// Holds returns all holds that the store or the ledger has, in the order of their
// placing. It writes nothing.
func Holds(ctx context.Context, c Config) ([]ledger.Hold, error) {
	all, err := c.Ledger.Holds(ctx, false)
	if err != nil {
		return nil, fmt.Errorf("look for holds: %w", err)
	}
	known := map[string]ledger.Hold{}
	for _, h := range all {
		known[h.ID] = h
	}
	found, err := listHolds(ctx, c.Store)
	if err != nil {
		return nil, fmt.Errorf("look for holds: %w", err)
	}
	fresh, err := readHolds(ctx, c.Store, found, known)
	if err != nil {
		return nil, fmt.Errorf("look for holds: %w", err)
	}
	for _, h := range fresh {
		known[h.ID] = h
	}
	return slices.SortedFunc(maps.Values(known), byPlacing), nil
}

func byPlacing(a, b ledger.Hold) int {
	return cmp.Or(a.Placed.Compare(b.Placed), cmp.Compare(a.ID, b.ID))
}
