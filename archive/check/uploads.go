package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"logstow/archive/store"
)

// uploads is about uploads that were begun and not finished, where the store has
// such and lets us list them: they cost room and are listed nowhere.
func (k *checker) uploads(ctx context.Context) error {
	s, ok := store.As[store.Uploads](k.Store)
	if !ok {
		return nil
	}
	for u, err := range s.Uploads(ctx, "") {
		if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) {
			return nil // doctor tells of that
		}
		if err != nil {
			return fmt.Errorf("list unfinished uploads: %w", err)
		}
		if !k.young(u.Begun) {
			k.find(Finding{Kind: Leftover, Key: u.Key, Reason: fmt.Sprintf(
				"an upload of it (%.100s) was begun on %s and not finished: have it aborted", u.ID, u.Begun.UTC().Format("2006-01-02 15:04:05"))})
		}
	}
	return nil
}
