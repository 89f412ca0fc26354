package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// StatFirst makes a store without conditional writes usable by one writer: a
// Put with IfAbsent looks whether the key is taken, then writes. Between the
// two another writer may be faster, and lose what it wrote. Where looking is
// not allowed either, such a Put is ErrRefused.
func StatFirst(s Store) Store { return statFirst{s} }

type statFirst struct{ Store }

// Unwrap returns the store that has no conditional writes.
func (s statFirst) Unwrap() Store { return s.Store }

func (s statFirst) Put(ctx context.Context, key string, body Body, opts PutOptions) error {
	if opts.IfAbsent {
		switch _, err := s.Stat(ctx, key); {
		case err == nil:
			return fmt.Errorf("put %s: %w", key, fs.ErrExist)
		case errors.Is(err, fs.ErrPermission):
			return fmt.Errorf("put %s: a store that has no conditional writes and can't be read can't be used, since what is there would be replaced unseen: %w", key, err)
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		opts.IfAbsent = false
	}
	return s.Store.Put(ctx, key, body, opts)
}
