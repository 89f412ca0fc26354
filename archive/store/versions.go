package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// manyTogether is how many keys must lie together for a page of 1,000 versions to
// be worth fetching.
const manyTogether = 8

// errNoVersions says that the server doesn't know the request for versions.
var errNoVersions = errors.New("the store can't list versions")

// eachVersion calls f with every version of every key, which are in order and
// each there once.
//
// Many keys of one folder's folder, as of the documents that a recipe had on one
// day, are looked up by one listing of it: that is a request for each 1,000
// versions there. Where too much else lies between them it is given up, and the
// rest are looked up by a request each, as few or scattered keys are. At worst
// that is a tenth more requests than keys.
func eachVersion(ctx context.Context, v Versioner, keys []string, f func(Version) error) error {
	for len(keys) > 0 {
		folder, n := together(keys)
		done := 0
		if n >= manyTogether {
			var err error
			if done, err = walkVersions(ctx, v, folder, keys[:n], f); err != nil {
				return err
			}
		}
		for _, key := range keys[done:n] {
			if _, err := walkVersions(ctx, v, key, []string{key}, f); err != nil {
				return err
			}
		}
		keys = keys[n:]
	}
	return nil
}

// together returns how many of the first keys lie in one folder's folder, and
// that, with its slash.
func together(keys []string) (folder string, n int) {
	folder = keys[0]
	for range 2 {
		folder = folder[:strings.LastIndexByte(strings.TrimSuffix(folder, "/"), '/')+1]
	}
	if folder == "" {
		return keys[0], 1
	}
	for n < len(keys) && strings.HasPrefix(keys[n], folder) {
		n++
	}
	return folder, n
}

// walkVersions lists what begins with prefix, as long as that finds keys, and
// returns how many of them are done: f was called with every version of them.
func walkVersions(ctx context.Context, v Versioner, prefix string, keys []string, f func(Version) error) (done int, err error) {
	others, most := 0, 100*len(keys)
	for version, err := range v.Versions(ctx, prefix) {
		if errors.Is(err, errors.ErrUnsupported) {
			return done, errNoVersions
		}
		if err != nil {
			return done, fmt.Errorf("list versions of %s: %w", prefix, err)
		}
		for done < len(keys) && keys[done] < version.Key {
			done++
		}
		if done == len(keys) {
			return done, nil
		}
		if keys[done] != version.Key {
			if others++; others > most {
				return done, nil
			}
			continue
		}
		if err := f(version); err != nil {
			return done, err
		}
	}
	return len(keys), nil
}
