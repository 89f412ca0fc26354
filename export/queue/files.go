package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"logstow/archive/store"
)

// list yields every version of every object whose key begins with prefix; the
// objects themselves, without an ID, where the store keeps no versions.
func (s *sweep) list(ctx context.Context, prefix string) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) {
		if s.versions != nil {
			begun := false
			for v, err := range s.versions.Versions(ctx, prefix) {
				if !begun && errors.Is(err, errors.ErrUnsupported) {
					s.versions = nil
					break
				}
				if begun = true; !yield(v, err) {
					return
				}
			}
			if s.versions != nil {
				return
			}
		}
		for info, err := range s.q.Store.List(ctx, store.ListOptions{Prefix: prefix}) {
			if !yield(store.Version{Info: info}, err) {
				return
			}
		}
	}
}

// remove removes files. One that is locked stays, and is logged; then not all
// of them are gone.
func (s *sweep) remove(ctx context.Context, files []store.Version) (whole bool, err error) {
	whole = true
	for _, f := range files {
		if err := s.q.Ledger.CheckFence(ctx); err != nil {
			return false, fmt.Errorf("remove %s: %w", f.Key, err)
		}
		err := s.removeOne(ctx, f)
		switch {
		case errors.Is(err, fs.ErrPermission):
			s.q.Log.WarnContext(ctx, "export file retained", "key", f.Key, "version", f.ID, "err", err)
			whole = false
		case err != nil:
			return false, fmt.Errorf("remove %s: %w", f.Key, err)
		default:
			s.removed++
		}
	}
	return whole, nil
}

func (s *sweep) removeOne(ctx context.Context, f store.Version) error {
	if f.ID != "" {
		return s.versions.DeleteVersions(ctx, f)
	}
	return s.q.Store.Delete(ctx, f.Key)
}
