package compact

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout/segment"
)

const (
	// staleClaim is how long whoever claimed inputs may take to remove them. After
	// that somebody else does it.
	staleClaim = 15 * time.Minute

	// looks is how often what was moved meanwhile is looked for, and lookPause how
	// long before the second time; before each further one it is twice as long.
	looks     = 7
	lookPause = 20 * time.Millisecond
)

// movedMeanwhile tells whether an error may come of something having been moved or
// removed since it was looked up.
func movedMeanwhile(err error) bool {
	return errors.Is(err, ledger.ErrMoved) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, store.ErrChanged)
}

// sleep waits, unless ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// now is the time, in UTC.
func (c *Config) now() time.Time {
	if c.Now == nil {
		return time.Now().UTC()
	}
	return c.Now().UTC()
}

// open opens a segment of the store.
func (c *Config) open(ctx context.Context, s ledger.Segment) (*segment.Reader, error) {
	r, err := segment.Open(store.ReaderAt(ctx, c.Store, s.Key), s.Size)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", s.Key, err)
	}
	if r.Len() != s.Rows {
		return nil, fmt.Errorf("open %s: it has %d rows, not %d: %w", s.Key, r.Len(), s.Rows, segment.ErrDamaged)
	}
	return r, nil
}
