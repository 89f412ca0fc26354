package retain

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

// removeExports removes files that were made for download, of every attempt,
// and records that they are gone.
func (e *erasing) removeExports(ctx context.Context, exports []ledger.Export) error {
	var gone []string
	for _, export := range exports {
		var keys []string
		for key, err := range keysBelow(ctx, e.Store, layout.Exports+export.ID+"/") {
			if err != nil {
				return fmt.Errorf("list the files of export %s: %w", export.ID, err)
			}
			keys = append(keys, key)
		}
		if err := e.remove(ctx, keys...); err != nil {
			return err
		}
		if !slices.ContainsFunc(keys, func(key string) bool { return e.kept.keys[key] }) {
			gone = append(gone, export.ID)
			e.exports++
		}
	}
	return e.Ledger.EndSweep(ctx, gone...)
}

// keysBelow yields the keys that begin with prefix, each once and in order, also
// those that a delete only hides.
func keysBelow(ctx context.Context, s store.Store, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		v, versions := store.As[store.Versioner](s)
		if versions {
			var err error
			if versions, err = v.Versioned(ctx); err != nil {
				yield("", err)
				return
			}
		}
		last := ""
		for versions {
			for version, err := range v.Versions(ctx, prefix) {
				if versions = !errors.Is(err, errors.ErrUnsupported); !versions {
					break // a server that can't tell has none
				}
				if err == nil && version.Key == last {
					continue
				}
				if last = version.Key; !yield(last, err) {
					return
				}
			}
			if versions {
				return
			}
		}
		for info, err := range s.List(ctx, store.ListOptions{Prefix: prefix}) {
			if !yield(info.Key, err) {
				return
			}
		}
	}
}
