package dirstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"logstow/archive/store"
)

// deleteBatch is how many objects are removed under one lock.
const deleteBatch = 1000

// Delete implements store.Store. Folders that become empty go too.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	if _, err := os.Stat(s.root); errors.Is(err, fs.ErrNotExist) {
		keys = slices.DeleteFunc(slices.Clone(keys), func(key string) bool {
			_, err := s.path(key)
			return err == nil
		})
	}
	var errs []error
	for batch := range slices.Chunk(keys, deleteBatch) {
		errs = append(errs, s.deleteBatch(ctx, batch)...)
	}
	return errors.Join(errs...)
}

func (s *Store) deleteBatch(ctx context.Context, keys []string) []error {
	var errs []error
	var paths []string
	for _, key := range keys {
		path, err := s.path(key)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			errs = append(errs, &store.KeyError{Key: key, Err: err})
			continue
		}
		paths = append(paths, path)
	}
	if len(paths) == 0 {
		return errs
	}
	changed := map[string]bool{}
	err := s.exclusively(func() error {
		for _, path := range paths {
			dir, err := s.remove(path)
			if err != nil {
				errs = append(errs, &store.KeyError{Key: path[len(s.root)+1:], Err: translate(err)})
				continue
			}
			changed[dir] = true
		}
		return nil
	})
	if err != nil {
		return append(errs, fmt.Errorf("delete %d objects: %w", len(paths), err))
	}
	for _, dir := range slices.Sorted(maps.Keys(changed)) {
		if err := s.syncs.sync(dir); err != nil {
			errs = append(errs, fmt.Errorf("make deletions in %s durable: %w", dir, err))
		}
	}
	return errs
}

// remove removes a file and the folders that it leaves empty, and returns the
// folder that is left, whose names changed. What is not there may have been
// removed by a process that died before that was durable.
func (s *Store) remove(path string) (string, error) {
	if err := unlink(path); err != nil && !missing(err) {
		return "", err
	}
	dir := filepath.Dir(path)
	for len(dir) > len(s.root) && s.settled.remove(dir) {
		dir = filepath.Dir(dir)
	}
	return dir, nil
}

// unlink removes a file. A folder of that name is no object and stays, which
// os.Remove would not promise.
func unlink(path string) error {
	for {
		err := syscall.Unlink(path)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err == nil:
			return nil
		}
		if fi, statErr := os.Lstat(path); statErr == nil && fi.IsDir() {
			return nil
		}
		return &fs.PathError{Op: "unlink", Path: path, Err: err}
	}
}
