package memstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"logstow/archive/store"
)

// Bucket is a Store that keeps versions and locks them, as a bucket with
// Object Lock does: a Delete hides an object behind a marker, also one that isn't
// there. It is a store.Versioner, a store.Retainer and a store.Locker.
type Bucket struct {
	*Store
}

var (
	_ store.Versioner = (*Bucket)(nil)
	_ store.Retainer  = (*Bucket)(nil)
	_ store.Locker    = (*Bucket)(nil)
)

// history is every version there is. The mutex of the objects guards it.
type history struct {
	versions map[string][]*version // by name, newest first
	last     int                   // number of the newest version
	now      func() time.Time      // goes for locks alone
	lock     store.Lock            // of new versions
}

type version struct {
	id   string
	at   time.Time
	o    *object // nil: a marker
	kept store.Retention
}

// NewVersioned returns an empty store that keeps versions.
func NewVersioned() *Bucket {
	return &Bucket{&Store{shared: &objects{
		m:       map[string]object{},
		history: &history{versions: map[string][]*version{}, now: time.Now, lock: store.Lock{Enabled: true}},
	}}}
}

// Sub returns a view of the objects below prefix, which must be a valid key.
func (b *Bucket) Sub(prefix string) (*Bucket, error) {
	s, err := b.Store.Sub(prefix)
	if err != nil {
		return nil, err
	}
	return &Bucket{s}, nil
}

// SetNow sets the clock that locks go by.
func (b *Bucket) SetNow(now func() time.Time) {
	b.shared.mu.Lock()
	defer b.shared.mu.Unlock()
	b.shared.history.now = now
}

// LockNew locks what is put from now on for so long. mode is GOVERNANCE or
// COMPLIANCE.
func (b *Bucket) LockNew(mode string, keep time.Duration) {
	b.shared.mu.Lock()
	defer b.shared.mu.Unlock()
	b.shared.history.lock = store.Lock{Enabled: true, Mode: mode, Default: keep}
}

// SetRetention locks a version until then; id is empty for the latest. A zero time
// takes the lock off, which a bucket would not allow.
func (b *Bucket) SetRetention(key, id string, until time.Time) error {
	return b.with(context.Background(), "lock", key, id, func(one *version) {
		one.kept.Until, one.kept.Mode = until, "COMPLIANCE"
		if until.IsZero() {
			one.kept.Mode = ""
		}
	})
}

// Lock implements store.Locker.
func (b *Bucket) Lock(ctx context.Context) (store.Lock, error) {
	b.shared.mu.Lock()
	defer b.shared.mu.Unlock()
	return b.shared.history.lock, ctx.Err()
}

// Retention implements store.Retainer.
func (b *Bucket) Retention(ctx context.Context, key, id string) (kept store.Retention, err error) {
	err = b.with(ctx, "read the retention of", key, id, func(one *version) { kept = one.kept })
	return kept, err
}

// SetLegalHold implements store.Retainer.
func (b *Bucket) SetLegalHold(ctx context.Context, key string, on bool) error {
	return b.with(ctx, "set the legal hold of", key, "", func(one *version) { one.kept.Legal = on })
}

// with calls f with a version that isn't a marker.
func (b *Bucket) with(ctx context.Context, doing, key, id string, f func(*version)) error {
	name, err := b.name(ctx, key)
	if err != nil {
		return fmt.Errorf("%s %s: %w", doing, key, err)
	}
	b.shared.mu.Lock()
	defer b.shared.mu.Unlock()
	all := b.shared.history.versions[name]
	i := slices.IndexFunc(all, func(one *version) bool { return id == "" || one.id == id })
	if i < 0 || all[i].o == nil {
		return fmt.Errorf("%s %s: %w", doing, key, fs.ErrNotExist)
	}
	f(all[i])
	return nil
}

// Versioned implements store.Versioner.
func (b *Bucket) Versioned(ctx context.Context) (bool, error) { return true, ctx.Err() }

// Versions implements store.Versioner. It yields what there was when it began.
func (b *Bucket) Versions(ctx context.Context, prefix string) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) {
		for _, one := range b.versions(prefix) {
			if err := ctx.Err(); err != nil {
				yield(store.Version{}, fmt.Errorf("list the versions of %q: %w", prefix, err))
				return
			}
			if !yield(one, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(store.Version{}, fmt.Errorf("list the versions of %q: %w", prefix, err))
		}
	}
}

func (b *Bucket) versions(prefix string) []store.Version {
	b.shared.mu.Lock()
	defer b.shared.mu.Unlock()
	var all []store.Version
	for name, versions := range b.shared.history.versions {
		key, inside := strings.CutPrefix(name, b.prefix)
		if !inside || !strings.HasPrefix(key, prefix) {
			continue
		}
		for i, one := range versions {
			listed := store.Version{Info: store.Info{ModTime: one.at}, ID: one.id, Latest: i == 0, Deleted: one.o == nil}
			if one.o != nil {
				listed.Info = one.o.info
				listed.Metadata = nil
			}
			listed.Key = key
			all = append(all, listed)
		}
	}
	slices.SortStableFunc(all, func(a, b store.Version) int { return strings.Compare(a.Key, b.Key) })
	return all
}

// DeleteVersions implements store.Versioner.
func (b *Bucket) DeleteVersions(ctx context.Context, versions ...store.Version) error {
	var errs []error
	for _, one := range versions {
		name, err := b.name(ctx, one.Key)
		if err == nil && one.ID == "" {
			err = fmt.Errorf("no version is named: %w", fs.ErrInvalid)
		}
		if err == nil {
			err = b.shared.remove(name, one.ID)
		}
		if err != nil {
			errs = append(errs, &store.KeyError{Key: one.Key, ID: one.ID, Err: err})
		}
	}
	return errors.Join(errs...)
}

// add records a new version, a marker where o is nil.
func (h *history) add(name string, o *object) {
	h.last++
	one := &version{id: "v" + strconv.Itoa(h.last), at: time.Now().UTC(), o: o}
	if o != nil && h.lock.Default > 0 {
		one.kept = store.Retention{Until: h.now().UTC().Add(h.lock.Default), Mode: h.lock.Mode}
	}
	h.versions[name] = slices.Insert(h.versions[name], 0, one)
}

// remove removes a version for good. What was there before it is there again.
func (s *objects) remove(name, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.history
	all := h.versions[name]
	i := slices.IndexFunc(all, func(one *version) bool { return one.id == id })
	if i < 0 {
		return nil
	}
	if kept := all[i].kept; kept.Legal || kept.Until.After(h.now()) {
		return fmt.Errorf("version %s is locked (until %v, legal hold %v): %w: %w",
			id, kept.Until, kept.Legal, store.ErrRefused, fs.ErrPermission)
	}
	all = slices.Delete(all, i, i+1)
	h.versions[name] = all
	switch {
	case len(all) == 0:
		delete(h.versions, name)
		delete(s.m, name)
	case all[0].o == nil:
		delete(s.m, name)
	default:
		s.m[name] = *all[0].o
	}
	return nil
}
