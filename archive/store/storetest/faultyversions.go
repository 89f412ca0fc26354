package storetest

import (
	"context"
	"errors"
	"iter"

	"logstow/archive/store"
)

// beyond returns what f's store can do beyond store.Store, as wrappers around it
// that count and fail as f does; those alone that it can do.
func (f *Faulty) beyond() store.Store {
	s := f.inner
	if v, ok := store.As[store.Versioner](f.inner); ok {
		s = &faultyVersions{wrapper{f, s}, v}
	}
	if r, ok := store.As[store.Retainer](f.inner); ok {
		s = &faultyRetainer{wrapper{f, s}, r}
	}
	if u, ok := store.As[store.Uploads](f.inner); ok {
		s = &faultyUploads{wrapper{f, s}, u}
	}
	return s
}

// wrapper is one step on the way from a Faulty to its store.
type wrapper struct {
	*Faulty
	next store.Store
}

// Unwrap implements store.Wrapper.
func (w wrapper) Unwrap() store.Store { return w.next }

type faultyVersions struct {
	wrapper
	versions store.Versioner
}

// Versioned implements store.Versioner.
func (f *faultyVersions) Versioned(ctx context.Context) (bool, error) {
	return call(f.Faulty, "Versioned", "", func() (bool, error) { return f.versions.Versioned(ctx) })
}

// Versions implements store.Versioner. It counts as List does.
func (f *faultyVersions) Versions(ctx context.Context, prefix string) iter.Seq2[store.Version, error] {
	return sequence(f.Faulty, "Versions", prefix, f.versions.Versions(ctx, prefix))
}

// DeleteVersions implements store.Versioner.
func (f *faultyVersions) DeleteVersions(ctx context.Context, versions ...store.Version) error {
	first := ""
	if len(versions) > 0 {
		first = versions[0].Key
	}
	return inHalves(f.note("DeleteVersions", first), versions, func(some []store.Version) error {
		return f.versions.DeleteVersions(ctx, some...)
	})
}

type faultyRetainer struct {
	wrapper
	retainer store.Retainer
}

// Retention implements store.Retainer.
func (f *faultyRetainer) Retention(ctx context.Context, key, id string) (store.Retention, error) {
	return call(f.Faulty, "Retention", key, func() (store.Retention, error) { return f.retainer.Retention(ctx, key, id) })
}

// SetLegalHold implements store.Retainer.
func (f *faultyRetainer) SetLegalHold(ctx context.Context, key string, on bool) error {
	_, err := call(f.Faulty, "SetLegalHold", key, func() (struct{}, error) { return struct{}{}, f.retainer.SetLegalHold(ctx, key, on) })
	return err
}

type faultyUploads struct {
	wrapper
	uploads store.Uploads
}

// Uploads implements store.Uploads. It counts as List does.
func (f *faultyUploads) Uploads(ctx context.Context, prefix string) iter.Seq2[store.Upload, error] {
	return sequence(f.Faulty, "Uploads", prefix, f.uploads.Uploads(ctx, prefix))
}

// call makes a call that gives one answer.
func call[T any](f *Faulty, method, key string, do func() (T, error)) (T, error) {
	var none T
	s := f.note(method, key)
	if err := s.at(Before); err != nil {
		return none, err
	}
	t, err := do()
	if failed := s.at(After); failed != nil {
		return none, failed
	}
	return t, err
}

// sequence counts as one call, when it is ranged over.
func sequence[T any](f *Faulty, method, key string, inner iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		s := f.note(method, key)
		if err := s.at(Before); err != nil {
			yield(none, err)
			return
		}
		for t, err := range inner {
			if !yield(t, err) {
				return
			}
			if failed := s.at(During); failed != nil {
				yield(none, failed)
				return
			}
		}
		if s != nil && s.when == During { // what is empty has no middle
			s.when = After
		}
		if failed := s.at(After); failed != nil {
			yield(none, failed)
		}
	}
}

// inHalves makes a call that removes all, and may break off after half of them.
func inHalves[T any](s *strike, all []T, remove func([]T) error) error {
	if err := s.at(Before); err != nil {
		return err
	}
	if s != nil && s.when == During {
		half := len(all) / 2
		first := remove(all[:half])
		if failed := s.at(During); failed != nil {
			return failed
		}
		return errors.Join(first, remove(all[half:]))
	}
	err := remove(all)
	if failed := s.at(After); failed != nil {
		return failed
	}
	return err
}
