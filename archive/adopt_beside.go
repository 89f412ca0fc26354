package archive

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"logstow/archive/store"
	"logstow/layout"
)

// beside is the list of objects that lie beside documents, walked in order.
type beside struct {
	next func() (string, error, bool)
	at   string // the document that the last one read belongs to
	done bool
}

// besides begins the walk over the objects of one kind.
func (a *adoption) besides(ctx context.Context, kind layout.Kind, folder, suffix string) (beside, func()) {
	folder = strings.TrimSuffix(folder, suffix)
	next, stop := iter.Pull2(func(yield func(string, error) bool) {
		for info, err := range a.Store.List(ctx, store.ListOptions{Prefix: folder + a.Prefix}) {
			if err != nil {
				yield("", fmt.Errorf("list %s: %w", folder, err))
				return
			}
			if n, err := layout.Parse(info.Key); err == nil && n.Kind == kind && !yield(n.Of, nil) {
				return
			}
		}
	})
	return beside{next: next}, stop
}

// has tells whether there is one for key. Keys must be asked for in order.
func (b *beside) has(key string) (bool, error) {
	for !b.done && b.at < key {
		of, err, ok := b.next()
		if err != nil {
			return false, err
		}
		b.at, b.done = of, !ok
	}
	return !b.done && b.at == key, nil
}
