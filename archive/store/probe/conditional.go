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

// mark is what the object at layout.Probe holds, always.
const mark = `{"logstow":"this object shows whether the store knows conditional writes; it may be removed"}` + "\n"

// Conditional tells whether a store honours PutOptions.IfAbsent. It leaves one
// small object at layout.Probe, so that the next time one request is enough.
func Conditional(ctx context.Context, s store.Store) (bool, error) {
	// A store that ignores the condition lets the same Put win twice.
	for range 2 {
		err := s.Put(ctx, layout.Probe, store.Bytes([]byte(mark)), store.PutOptions{IfAbsent: true})
		switch {
		case errors.Is(err, fs.ErrExist):
			return true, nil
		case errors.Is(err, errors.ErrUnsupported):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("find out whether the store knows conditional writes: %w", err)
		}
	}
	return false, nil
}
