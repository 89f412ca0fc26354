package archive

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"logstow/archive/store"
)

const (
	// shortPause and longPause bound how long a Put waits that the store did
	// not take, because it asks for fewer, before it is made again. Only the
	// first time it is half of that.
	shortPause = 100 * time.Millisecond
	longPause  = 5 * time.Second

	// throttled is how long a store may take nothing at all before the run
	// ends.
	throttled = time.Minute

	// outlasted is how long it may take others and not a certain one.
	outlasted = 10 * time.Minute

	// allowance is how many refusals an answer makes up for, and savings how many
	// can be made up for at once: some stores refuse anybody now and then.
	allowance = 1.0 / 20
	savings   = 10
)

// pacer makes the Puts of a run. It decides how many writers may work, each of
// which makes one Put at a time, and is the only thing in a run that reacts
// where the store asks for fewer requests: then fewer writers work, and where
// there can't be fewer all of them pause. It is safe for concurrent use.
type pacer struct {
	fixed bool // the number of writers does not change

	mu     sync.Mutex
	moved  sync.Cond // with mu: the limit changed, or closed
	closed bool      // guarded by mu, as is all that follows
	climb  climber
	flying int
	most   int     // in flight at once, of the whole run
	credit float64 // refusals that mean nothing

	since  time.Time     // of the first Put that was not taken since one was; zero: the latest was
	pause  time.Duration // the latest of all writers; 0: one was taken since
	resume time.Time     // when the pause is over
}

// newPacer returns a pacer for up to limit writers, or for just as many.
func newPacer(limit int, fixed bool) *pacer {
	p := &pacer{fixed: fixed, climb: newClimber(limit)}
	if fixed {
		p.climb.limit = limit
	}
	p.moved.L = &p.mu
	return p
}

// seat waits until the nth writer, counted from 0, may work. After close it
// doesn't wait.
func (p *pacer) seat(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n >= p.climb.limit && !p.closed {
		p.moved.Wait()
	}
}

// starve says that a writer has nothing to do.
func (p *pacer) starve() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.climb.starved++
}

// close lets all writers go on, to their end.
func (p *pacer) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.moved.Broadcast()
}

// counts returns how many writers may work now, and how many Puts were in
// flight at most.
func (p *pacer) counts() (limit, most int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.climb.limit, p.most
}

// put is s.Put. Where the store asks for fewer requests it waits and makes the
// Put again, until the store took it, or refused it for another reason; until
// ctx ends; or until the store has taken nothing for a minute, or not this one
// for ten: then the error is store.ErrUnavailable.
func (p *pacer) put(ctx context.Context, s store.Store, key string, body store.Body, opts store.PutOptions) error {
	opts.Paced = true
	first := time.Now()
	for tries := 1; ; tries++ {
		if err := p.ready(ctx); err != nil {
			return err
		}
		began := p.begin()
		err := s.Put(ctx, key, body, opts)
		if !errors.Is(err, store.ErrThrottled) {
			p.answered(began)
			return err
		}
		if !p.refused(began) || time.Since(first) >= outlasted {
			return err
		}
		if err := sleep(ctx, delay(tries)); err != nil {
			return err
		}
	}
}

// ready waits until no pause is under way.
func (p *pacer) ready(ctx context.Context) error {
	for {
		p.mu.Lock()
		resume := p.resume
		p.mu.Unlock()
		if resume.IsZero() {
			return nil
		}
		left := time.Until(resume)
		if left <= 0 {
			return nil
		}
		if err := sleep(ctx, left); err != nil {
			return err
		}
	}
}

func (p *pacer) begin() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flying++
	p.most = max(p.most, p.flying)
	return time.Now()
}

// answered counts a Put that the store took, or refused for good.
func (p *pacer) answered(began time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flying--
	p.since, p.pause = time.Time{}, 0
	p.credit = min(p.credit+allowance, savings)
	if p.fixed {
		return
	}
	before := p.climb.limit
	p.climb.answer(began, time.Now())
	if p.climb.limit > before {
		p.moved.Broadcast()
	}
}

// refused slows down after a Put that the store did not take. It returns false
// when the store has taken none for too long.
func (p *pacer) refused(began time.Time) (again bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flying--
	now := time.Now()
	if p.since.IsZero() {
		p.since = now
	}
	switch {
	case now.Sub(p.since) >= throttled:
		return false
	case began.Before(p.resume) || !p.fixed && began.Before(p.climb.since): // it says nothing of the limit in force
	case p.credit >= 1:
		p.credit--
	case !p.fixed && p.climb.limit > 1:
		p.climb.cut(now)
	default:
		p.pause = min(max(2*p.pause, shortPause/2), longPause)
		p.resume = now.Add(jitter(p.pause))
	}
	return true
}

// delay is how long a Put waits before it is made again.
func delay(tries int) time.Duration {
	if tries == 1 {
		return jitter(shortPause / 2)
	}
	return jitter(min(shortPause<<min(tries-2, 10), longPause))
}

// jitter is d and up to half as much.
func jitter(d time.Duration) time.Duration { return d + rand.N(d/2) }

// sleep waits for d, or until ctx ends, whose error it then returns.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
