package export

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"golang.org/x/sync/errgroup"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

// forgetErased forgets what a record in the store says was erased: its objects may
// not all be gone. Every record is read, since their names don't tell whose they
// are; none where nothing was found.
func (q *search) forgetErased(ctx context.Context) error {
	if len(q.docs) == 0 {
		return nil
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(searchedAtOnce)
	for info, err := range q.Store.List(gctx, store.ListOptions{Prefix: layout.Erasures}) {
		if err != nil {
			return fmt.Errorf("list %s: %w", layout.Erasures, cmp.Or(g.Wait(), err))
		}
		if n, err := layout.Parse(info.Key); err == nil && n.Kind == layout.ErasureKey {
			g.Go(func() error { return q.forget(gctx, info.Key) })
		}
	}
	return g.Wait()
}

// forget reads a record of an erasure. One that can't be read is an error: nobody
// knows what must not be shown.
func (q *search) forget(ctx context.Context, key string) error {
	object, _, err := q.Store.Get(ctx, key, store.Range{})
	if err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	defer object.Close()
	b, err := io.ReadAll(io.LimitReader(object, layout.MaxErasure))
	if err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	r, err := layout.Decode[layout.ErasureRecord](b)
	if err != nil {
		return fmt.Errorf("%s: %w: what was erased can't be told: %w", key, ErrDamaged, err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.docs = slices.DeleteFunc(q.docs, func(d ledger.Document) bool {
		return slices.ContainsFunc(r.Versions, func(v layout.ErasedVersion) bool { return erases(v, d) })
	})
	return nil
}

// erases tells whether a version that was erased is d: at its key, or the same
// record of the same job wherever it is.
func erases(v layout.ErasedVersion, d ledger.Document) bool {
	if v.Key == d.Key {
		return true
	}
	n, err := layout.Parse(v.Key)
	return err == nil && n.User == d.User && n.ID == d.Job && n.Group == d.Recipe && v.InputSHA256 == d.InputHash.String()
}
