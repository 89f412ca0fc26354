package queue

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
)

const (
	// tries is how often something that may pass is tried: with the usual
	// pause for a minute and a half, after what the store's client did itself.
	tries    = 8
	maxPause = 30 * time.Second
)

// passes tells whether the same call may succeed a little later.
func passes(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, ledger.ErrBusy)
}

// again calls f until it succeeds, fails for good, or has failed in passing
// too often, with growing pauses, or until ctx ends.
func (q *Queue) again(ctx context.Context, f func() error) error {
	pause := q.Pause
	for try := 1; ; try++ {
		err := f()
		if err == nil || !passes(err) || try == tries {
			return err
		}
		q.Log.DebugContext(ctx, "trying again", "try", try, "pause", pause, "err", err)
		if !sleep(ctx, pause/2+rand.N(pause/2+1)) {
			return err
		}
		pause = min(2*pause, maxPause)
	}
}

// sleep waits; false says that ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
