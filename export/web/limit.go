package web

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxLimits is how many senders are counted at once.
const maxLimits = 10_000

// limits grants each sender so many requests a minute. A sender who was quiet
// may use a whole minute's at once.
type limits struct {
	perMinute int // negative: no limit

	mu  sync.Mutex
	all map[string]*limited // guarded by mu
}

type limited struct {
	limiter *rate.Limiter
	seen    time.Time
}

func newLimits(perMinute int) *limits {
	return &limits{perMinute: perMinute, all: map[string]*limited{}}
}

// take counts a request of who. It is 0 where it is granted, else how long to
// wait before another would be.
func (l *limits) take(who string) time.Duration {
	if l.perMinute < 0 {
		return 0
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	one, ok := l.all[who]
	if !ok {
		l.makeRoom()
		one = &limited{limiter: rate.NewLimiter(rate.Every(time.Minute/time.Duration(l.perMinute)), l.perMinute)}
		l.all[who] = one
	}
	one.seen = now
	r := one.limiter.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// makeRoom drops one of a few senders, the one not heard of for longest, where
// there are too many. It starts anew when it comes again.
func (l *limits) makeRoom() {
	if len(l.all) < maxLimits {
		return
	}
	const few = 8
	var oldest string
	n := 0
	for who, one := range l.all { // in random order
		if n == 0 || one.seen.Before(l.all[oldest].seen) {
			oldest = who
		}
		if n++; n == few {
			break
		}
	}
	delete(l.all, oldest)
}
