package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

const (
	// removeBatch is how many keys or versions one request removes.
	removeBatch = 1000

	// removeLooks is of how many versions that are kept Remove asks until when.
	removeLooks = 100
)

// Remove removes objects for good: every version of each where the store keeps
// versions, since there a plain delete only hides. Where it never kept any, that is
// one request for up to 1,000 keys. What isn't there is no error. Who needs an
// order among keys calls it for one after the other: here they go in any.
//
// before, where not nil, is asked before each request that removes something; its
// error ends it, and nothing more is removed. What the store does not let go is a
// *RetainedError, which names all of that, and everything else is gone then; any
// other error ends it.
func Remove(ctx context.Context, s Store, before func(context.Context) error, keys ...string) error {
	keys = slices.Clone(keys)
	slices.Sort(keys)
	r := &removal{store: s, before: before, kept: map[string]bool{}}
	if err := r.run(ctx, slices.Compact(keys)); err != nil {
		return err
	}
	return r.retained()
}

// removal is one Remove.
type removal struct {
	store     Store
	versioner Versioner
	before    func(context.Context) error

	found   []Version // to be removed
	markers []Version // to be removed after them: without its marker what is kept would be seen again

	kept  map[string]bool // keys of what the store does not let go
	until time.Time
	looks int
	err   error // the latest refusal
}

func (r *removal) run(ctx context.Context, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	versions := false
	var has bool
	if r.versioner, has = As[Versioner](r.store); has {
		var err error
		if versions, err = r.versioner.Versioned(ctx); err != nil {
			return fmt.Errorf("remove %s: %w", andMore(keys), err)
		}
	}
	for batch := range slices.Chunk(keys, removeBatch) {
		if versions {
			err := r.removeVersions(ctx, batch)
			if err == nil {
				continue
			}
			if !errors.Is(err, errNoVersions) {
				return err
			}
			versions = false
		}
		if err := r.removeKeys(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// removeKeys removes objects that have no versions.
func (r *removal) removeKeys(ctx context.Context, keys []string) error {
	all := make([]Version, len(keys))
	for i, key := range keys {
		all[i].Key = key
	}
	return r.remove(ctx, all, func() error { return r.store.Delete(ctx, keys...) })
}

// removeVersions removes every version of objects.
func (r *removal) removeVersions(ctx context.Context, keys []string) error {
	err := eachVersion(ctx, r.versioner, keys, func(v Version) error {
		if v.Deleted {
			r.markers = append(r.markers, v)
		} else {
			r.found = append(r.found, v)
		}
		if len(r.found) < removeBatch && len(r.markers) < removeBatch {
			return nil
		}
		return r.flush(ctx)
	})
	if err != nil {
		return err
	}
	return r.flush(ctx)
}

// flush removes what was found, and then the markers of what is gone.
func (r *removal) flush(ctx context.Context) error {
	if err := r.removeFound(ctx, r.found); err != nil {
		return err
	}
	markers := slices.DeleteFunc(r.markers, func(v Version) bool { return r.kept[v.Key] })
	err := r.removeFound(ctx, markers)
	r.found, r.markers = r.found[:0], r.markers[:0]
	return err
}

func (r *removal) removeFound(ctx context.Context, versions []Version) error {
	if len(versions) == 0 {
		return nil
	}
	return r.remove(ctx, versions, func() error { return r.versioner.DeleteVersions(ctx, versions...) })
}

// remove removes all by f, and notes what is kept of it. Any other failure it
// returns.
func (r *removal) remove(ctx context.Context, all []Version, f func() error) error {
	if r.before != nil {
		if err := r.before(ctx); err != nil {
			return fmt.Errorf("remove %s: %w", all[0].Key, err)
		}
	}
	err := f()
	if err == nil {
		return nil
	}
	each, whole := keyErrors(err)
	if whole != nil && (len(each) > 0 || !errors.Is(whole, fs.ErrPermission)) {
		return fmt.Errorf("remove: %w", whole)
	}
	for _, v := range all {
		if whole != nil { // the request was refused, with all that it named
			each = append(each, &KeyError{Key: v.Key, ID: v.ID, Err: whole})
		}
	}
	for _, e := range each {
		if !errors.Is(e, fs.ErrPermission) {
			return fmt.Errorf("remove: %w", e)
		}
	}
	for _, e := range each {
		r.kept[e.Key], r.err = true, e.Err
		r.look(ctx, e)
	}
	return nil
}

// look notes until when a version is kept, where that can be told.
func (r *removal) look(ctx context.Context, e *KeyError) {
	retainer, ok := As[Retainer](r.store)
	if !ok || r.looks == removeLooks {
		return
	}
	r.looks++
	kept, err := retainer.Retention(ctx, e.Key, e.ID)
	if err != nil || kept.Until.IsZero() || kept.Legal {
		return // it adds to an error, and is none
	}
	if r.until.IsZero() || kept.Until.Before(r.until) {
		r.until = kept.Until
	}
}

func (r *removal) retained() error {
	if len(r.kept) == 0 {
		return nil
	}
	e := &RetainedError{Until: r.until, Err: r.err}
	for key := range r.kept {
		e.Keys = append(e.Keys, key)
	}
	slices.Sort(e.Keys)
	return e
}

// keyErrors takes a joined error apart, into those of single keys and, where
// there is one, another.
func keyErrors(err error) (each []*KeyError, other error) {
	var one *KeyError
	if !errors.As(err, &one) {
		return nil, err
	}
	switch err := err.(type) { //nolint:errorlint // what wraps others is looked into
	case *KeyError:
		return []*KeyError{err}, nil
	case interface{ Unwrap() []error }:
		for _, err := range err.Unwrap() {
			more, err := keyErrors(err)
			each = append(each, more...)
			other = cmp.Or(err, other)
		}
		return each, other
	}
	return keyErrors(errors.Unwrap(err))
}

// andMore names one key of several.
func andMore(keys []string) string {
	if len(keys) == 1 {
		return keys[0]
	}
	return fmt.Sprintf("%s and %d more", keys[0], len(keys)-1)
}
