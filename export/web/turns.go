package web

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// maxUnderWay is how many requests of one key are answered at once. Each may
// hold a record, in a temporary file where it is large, for as long as its
// client takes to read the answer.
const maxUnderWay = 16

// turns lets each sender have so many requests answered at once, and the others
// wait for a while.
type turns struct {
	mu  sync.Mutex
	all map[string]*turn // guarded by mu; of senders with requests under way or waiting
}

type turn struct {
	places chan struct{} // one for each request that is being answered
	users  int           // requests that have a place or wait for one
}

// take waits until who may have another request answered, as long as patience
// says. Where that is so, done gives the place back.
func (t *turns) take(ctx context.Context, who string, patience time.Duration) (done func(), err error) {
	one := t.enter(who)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case one.places <- struct{}{}:
		return func() { <-one.places; t.leave(who, one) }, nil
	case <-timer.C:
		err = &problem{
			status: http.StatusTooManyRequests, retryAfter: busy,
			message: "too many requests with this key are being answered: take their answers first, or wait",
		}
	case <-ctx.Done():
		err = ctx.Err()
	}
	t.leave(who, one)
	return nil, err
}

func (t *turns) enter(who string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	one, ok := t.all[who]
	if !ok {
		if t.all == nil {
			t.all = map[string]*turn{}
		}
		one = &turn{places: make(chan struct{}, maxUnderWay)}
		t.all[who] = one
	}
	one.users++
	return one
}

func (t *turns) leave(who string, one *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if one.users--; one.users == 0 {
		delete(t.all, who)
	}
}
