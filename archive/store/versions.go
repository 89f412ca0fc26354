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
// Keys of one folder are looked up by one listing of it, which is a request for
// each 1,000 versions there. Where too much else lies between them it is given up
// for listings of the folders inside, and where few keys are left of one for a
// request each: so a store with nothing but these keys takes a thousandth as many
// requests, and at worst it is not twice as many as there are keys.
func eachVersion(ctx context.Context, v Versioner, keys []string, f func(Version) error) error {
	folder := folderOf(keys)
	if len(keys) >= manyTogether && folder != "" {
		done, err := walkVersions(ctx, v, folder, keys, f)
		if err != nil {
			return err
		}
		keys = keys[done:]
	}
	if len(keys) < manyTogether {
		for _, key := range keys {
			if _, err := walkVersions(ctx, v, key, []string{key}, f); err != nil {
				return err
			}
		}
		return nil
	}
	for len(keys) > 0 {
		n := inside(keys, folder)
		if err := eachVersion(ctx, v, keys[:n], f); err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

// folderOf returns the innermost folder that all keys lie in, with its slash.
func folderOf(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	first, last := keys[0], keys[len(keys)-1]
	n := 0
	for n < min(len(first), len(last)) && first[n] == last[n] {
		n++
	}
	return first[:strings.LastIndexByte(first[:n], '/')+1]
}

// inside returns how many of the first keys lie in the same folder inside folder,
// or are there by themselves.
func inside(keys []string, folder string) int {
	name, _, deeper := strings.Cut(keys[0][len(folder):], "/")
	if !deeper {
		return 1
	}
	n := 1
	for n < len(keys) && strings.HasPrefix(keys[n], folder+name+"/") {
		n++
	}
	return n
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
