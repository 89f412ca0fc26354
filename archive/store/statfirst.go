package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// StatFirst makes a store without conditional writes usable by one writer at a
// time: a Put with IfAbsent first looks whether the object is there, and then
// replaces whatever is. Two writers of one key at the same moment may both win.
//
// IfMatch is treated the same way. Where looking is forbidden, such a Put is
// refused with ErrRefused.
func StatFirst(s Store) Wrapper {
	return statFirst{s}
}

type statFirst struct{ Store }

// Unwrap implements Wrapper.
func (s statFirst) Unwrap() Store { return s.Store }

// Put implements Store.
func (s statFirst) Put(ctx context.Context, key string, body Body, opts PutOptions) error {
	if err := CheckPut(body, opts); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	if opts.IfAbsent || opts.IfMatch != "" {
		if err := s.check(ctx, key, opts); err != nil {
			return fmt.Errorf("put %s: %w", key, err)
		}
		opts.IfAbsent, opts.IfMatch = false, ""
	}
	return s.Store.Put(ctx, key, body, opts)
}

func (s statFirst) check(ctx context.Context, key string, opts PutOptions) error {
	info, err := s.Stat(ctx, key)
	there := err == nil
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("a store without conditional writes can't be used without the right to read: "+
			"allow reading (s3:GetObject and s3:ListBucket), or use a store that knows If-None-Match: %w", err)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case opts.IfAbsent && there:
		return fs.ErrExist
	case opts.IfMatch != "" && (!there || info.ETag != opts.IfMatch):
		return ErrChanged
	}
	return nil
}
