// Package probe finds out what a store lets us do.
package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"logstow/archive/store"
	"logstow/layout"
)

// Conditional tells whether a Put with IfAbsent keeps what is there. It writes
// a small object at layout.Probe, and a second time unless the first Put found
// it there; so it takes one request on all runs but the first, and needs no
// permission but to write.
func Conditional(ctx context.Context, s store.Store) (bool, error) {
	body := store.Bytes([]byte("logstow wrote this to learn whether it can be overwritten\n"))
	for range 2 {
		err := s.Put(ctx, layout.Probe, body, store.PutOptions{IfAbsent: true, ContentType: "text/plain"})
		if errors.Is(err, fs.ErrExist) {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("write %s: %w", layout.Probe, err)
		}
	}
	return false, nil
}
