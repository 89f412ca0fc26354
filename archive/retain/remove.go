package retain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

// RetainedError says that the store does not let something go: it is locked,
// or the credentials don't suffice. It is fs.ErrPermission.
type RetainedError struct {
	Keys []string // of the objects that are still there
	Err  error    // the latest refusal
}

// Error names what is still there.
func (e *RetainedError) Error() string {
	return fmt.Sprintf("retained by the store: %s: %v", strings.Join(e.Keys, ", "), e.Err)
}

// Unwrap returns the refusal.
func (e *RetainedError) Unwrap() error { return e.Err }

// removeDocument removes what lies under a document's key and beside it. It is
// not whole where something is kept.
//
// Who has nothing but the store must know an unfinished erasure: the document
// goes after the full record, of which it is the trace, and before what was
// done to it, without which nobody knows which version it is. What is then left
// has hashes alone.
func removeDocument(ctx context.Context, c Config, key string, kept *RetainedError) (whole bool, err error) {
	before := len(kept.Keys)
	for _, k := range []string{layout.Overflow(key), key, layout.Meta(key)} {
		if err := remove(ctx, c, k, kept); err != nil {
			return false, err
		}
	}
	return len(kept.Keys) == before, nil
}

// removeExports removes the files that were made of a job, of every attempt,
// and records that they are gone.
func removeExports(ctx context.Context, c Config, exports []ledger.Export, kept *RetainedError) error {
	var gone []string
	for _, e := range exports {
		before := len(kept.Keys)
		keys, err := keysBelow(ctx, c.Store, layout.Exports+e.ID+"/")
		if err != nil {
			return fmt.Errorf("list the files of export %s: %w", e.ID, err)
		}
		for _, key := range keys {
			if err := remove(ctx, c, key, kept); err != nil {
				return err
			}
		}
		if len(kept.Keys) == before {
			gone = append(gone, e.ID)
		}
	}
	return c.Ledger.EndSweep(ctx, gone...)
}

// keysBelow returns the keys that begin with prefix, also hidden ones.
func keysBelow(ctx context.Context, s store.Store, prefix string) (keys []string, err error) {
	for v, err := range versionsBelow(ctx, s, prefix) {
		if err != nil {
			return nil, err
		}
		if n := len(keys); n == 0 || keys[n-1] != v.Key {
			keys = append(keys, v.Key)
		}
	}
	return keys, nil
}

// versionsBelow yields every version of every object whose key begins with
// prefix; the objects themselves, without an ID, where the store keeps no
// versions.
func versionsBelow(ctx context.Context, s store.Store, prefix string) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) {
		versioner, ok := store.As[store.Versioner](s)
		if ok {
			for v, err := range versioner.Versions(ctx, prefix) {
				if ok = !errors.Is(err, errors.ErrUnsupported); !ok {
					break // a server that can't tell has none
				}
				if !yield(v, err) {
					return
				}
			}
		}
		if ok {
			return
		}
		for info, err := range s.List(ctx, store.ListOptions{Prefix: prefix}) {
			if !yield(store.Version{Info: info}, err) {
				return
			}
		}
	}
}

// remove removes an object, every version of it where the store keeps them:
// there a plain delete only hides. What the store refuses to let go is kept.
func remove(ctx context.Context, c Config, key string, kept *RetainedError) error {
	versioner, ok := store.As[store.Versioner](c.Store)
	if !ok {
		return removeOne(ctx, c, key, kept, func() error { return c.Store.Delete(ctx, key) })
	}
	for v, err := range versionsBelow(ctx, c.Store, key) {
		if err != nil {
			return fmt.Errorf("list versions of %s: %w", key, err)
		}
		if v.Key != key {
			break // they are in order, and key is the first of those it begins
		}
		err := removeOne(ctx, c, key, kept, func() error {
			if v.ID == "" {
				return c.Store.Delete(ctx, key)
			}
			return versioner.DeleteVersions(ctx, v)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// removeOne removes by f, unless ctx is of a lease that was lost.
func removeOne(ctx context.Context, c Config, key string, kept *RetainedError, f func() error) error {
	if err := c.Ledger.CheckFence(ctx); err != nil {
		return fmt.Errorf("remove %s: %w", key, err)
	}
	return kept.take(key, f())
}

// take notes that key is kept, where err says that; another error it returns.
func (e *RetainedError) take(key string, err error) error {
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("remove %s: %w", key, err)
	}
	if n := len(e.Keys); n == 0 || e.Keys[n-1] != key {
		e.Keys = append(e.Keys, key)
	}
	e.Err = err
	return nil
}
