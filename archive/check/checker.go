package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"logstow/archive/holds"
	"logstow/archive/ledger"
	"logstow/archive/store"
)

// together is how many objects or rows are looked up at once.
const together = 1000

// checker is one Run under way.
type checker struct {
	Config

	last int64 // the row that was recorded last when it began

	// Rows whose document, meta object and overflow the listing has shown.
	seen, seenMeta, seenOverflow set
	named                        set // rows that the record of an erasure names
	known                        set // segments of the ledger

	files    map[string]segmentFile // what was listed of segments, by their hashes
	standing holds.Standing
	allHolds []ledger.Hold
	owed     set // rows that are to be erased once nothing holds them

	// The same of quarantined records that are open, and those that have left
	// and of which something was listed.
	seenRaw, seenNote, left set
	walked                  time.Time // when the listing was at its end

	mu    sync.Mutex // guards the rest, and is held while callbacks run
	began time.Time
	s     Summary
}

// run is all that is checked, one thing after the other: what was seen in the
// listing must be whole before rows are asked for.
func (k *checker) run(ctx context.Context) (err error) {
	if k.last, err = k.Ledger.Last(ctx); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		k.ledgerFile, k.holds, k.erasures, k.walk, k.segments, k.rows, k.quarantined, k.exports, k.leftQuarantine,
		k.uploads, k.drift,
	} {
		if err := step(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// group runs work beside each other, as much as may be.
func (k *checker) group(ctx context.Context) (*errgroup.Group, context.Context) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(k.Concurrency)
	return g, ctx
}

// find records a finding.
func (k *checker) find(f Finding) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.s.Findings[f.Kind]++
	if f.Damage {
		k.s.Damage++
	}
	if k.Finding != nil {
		k.Finding(f)
	}
}

// count changes the summary.
func (k *checker) count(change func(*Summary)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(&k.s)
}

func (k *checker) summary() Summary {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.s
	s.Findings = maps.Clone(s.Findings)
	s.DurationSeconds = time.Since(k.began).Seconds()
	return s
}

// report calls Progress until stop is called.
func (k *checker) report() (stop func()) {
	if k.Progress == nil {
		return func() {}
	}
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				s := k.summary()
				k.mu.Lock()
				k.Progress(s)
				k.mu.Unlock()
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

// chosen tells whether what it is asked about is to be read: each Run reads
// another sample.
func (k *checker) chosen() bool { return k.Deep || k.Sample > 0 && rand.Float64() < k.Sample }

// young tells whether a run may still be at work on what was changed then.
func (k *checker) young(changed time.Time) bool { return time.Since(changed) < k.Settle }

// there tells whether something lies at key. A key that the store refuses was
// seen in its listing all the same.
func (k *checker) there(ctx context.Context, key string) (bool, error) {
	_, err := k.Store.Stat(ctx, key)
	switch {
	case err == nil || errors.Is(err, fs.ErrInvalid):
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	}
	return false, fmt.Errorf("look for %s: %w", key, err)
}

// still tells whether the ledger says of a row what it said before: that it is
// Stored, where, and of which bytes.
func (k *checker) still(ctx context.Context, d ledger.Document) (bool, error) {
	docs, err := k.at(ctx, placeOf(d))
	for _, now := range docs {
		if now.ID == d.ID {
			return now.State == ledger.Stored && now.SHA256 == d.SHA256 && now.Size == d.Size &&
				now.Segment == d.Segment && now.SegmentRow == d.SegmentRow &&
				now.Changed == d.Changed && now.Overflow == d.Overflow, err
		}
	}
	return false, err
}

// at returns all rows of one place.
func (k *checker) at(ctx context.Context, p ledger.Place) ([]ledger.Document, error) {
	found, err := k.Ledger.At(ctx, []ledger.Place{p})
	return found[p], err
}

func placeOf(d ledger.Document) ledger.Place {
	return ledger.Place{User: d.User, Job: d.Job, Key: d.Key}
}

// gone is an error of the store that is fs.ErrNotExist.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// list yields the store's objects below a prefix.
func (k *checker) list(ctx context.Context, prefix string, each func(store.Info) error) error {
	for info, err := range k.Store.List(ctx, store.ListOptions{Prefix: prefix}) {
		if err != nil {
			return fmt.Errorf("list the store: %w", err)
		}
		if err := each(info); err != nil {
			return err
		}
	}
	return ctx.Err()
}
