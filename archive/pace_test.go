package archive_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"logstow/archive"
	"logstow/archive/store"
)

// behaviour is how a server takes Puts.
type behaviour struct {
	latency time.Duration // of each Put, and up to a fifth more
	service time.Duration // what one Put takes of a worker; 0: nothing
	workers int           // for service
	slow    time.Duration // what one Put in a hundred takes more
	limit   float64       // Puts a second, above which they are throttled; 0: none
	moody   float64       // of all Puts, the share that is throttled however few there are
	fsync   time.Duration // one for all that wait; 0: none
	stopped chan struct{} // while not nil, Puts wait for its end
}

// server is a store that only takes its time.
type server struct {
	store.Store // nil: nothing but Put is called

	mu        sync.Mutex
	behaviour // guarded by mu, as is all that follows
	rng       *rand.Rand
	free      []time.Time // when each worker has done what it is given
	tokens    float64     // of limit
	filled    time.Time   // when tokens was right
	taken     int         // Puts
	refused   int         // Puts
	inFlight  int
	synced    chan struct{} // closed at the end of the fsync that is to come
	syncing   chan struct{} // holds the fsync under way
}

func newServer(b behaviour) *server {
	return &server{
		behaviour: b, rng: rand.New(rand.NewPCG(1, 2)), filled: time.Now(), syncing: make(chan struct{}, 1),
	}
}

func (s *server) Put(ctx context.Context, _ string, _ store.Body, o store.PutOptions) error {
	if !o.Paced {
		return errors.New("a Put that is not paced")
	}
	wait, stopped, err := s.begin()
	if err != nil {
		return err
	}
	defer s.end()
	select {
	case <-stopped:
	case <-ctx.Done():
		return ctx.Err()
	}
	time.Sleep(wait)
	s.sync()
	return nil
}

var running = func() chan struct{} { c := make(chan struct{}); close(c); return c }

// begin says how long a Put takes.
func (s *server) begin() (time.Duration, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.limit > 0 {
		s.tokens = min(s.tokens+now.Sub(s.filled).Seconds()*s.limit, max(s.limit/20, 1))
		if s.filled = now; s.tokens < 1 {
			s.refused++
			return 0, nil, fmt.Errorf("put: %w", store.ErrThrottled)
		}
		s.tokens--
	}
	if s.moody > 0 && s.rng.Float64() < s.moody {
		s.refused++
		return 0, nil, fmt.Errorf("put: %w", store.ErrThrottled)
	}
	s.inFlight++
	stopped := s.stopped
	if stopped == nil {
		stopped = running()
	}
	wait := s.latency + time.Duration(s.rng.Int64N(int64(s.latency)/5+1))
	if s.slow > 0 && s.rng.IntN(100) == 0 {
		wait += s.slow
	}
	return wait + s.work(now), stopped, nil
}

// work is how long a Put waits for its service and gets it. The caller holds mu.
func (s *server) work(now time.Time) time.Duration {
	if s.service == 0 {
		return 0
	}
	for len(s.free) < s.workers {
		s.free = append(s.free, now)
	}
	first := 0
	for i, t := range s.free {
		if t.Before(s.free[first]) {
			first = i
		}
	}
	if s.free[first].Before(now) {
		s.free[first] = now
	}
	s.free[first] = s.free[first].Add(s.service)
	return s.free[first].Sub(now)
}

func (s *server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	s.taken++
}

// refusals returns how many Puts were throttled.
func (s *server) refusals() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// sync waits for an fsync that began after it was called, for all that wait.
func (s *server) sync() {
	s.mu.Lock()
	fsync, mine := s.fsync, s.synced
	if mine != nil || fsync == 0 {
		s.mu.Unlock()
		if fsync > 0 {
			<-mine
		}
		return
	}
	mine = make(chan struct{})
	s.synced = mine
	s.mu.Unlock()
	s.syncing <- struct{}{}
	s.change(func() { s.synced = nil }) // who comes now waits for the next
	time.Sleep(fsync)
	<-s.syncing
	close(mine)
}

// change changes the server while Puts are under way.
func (s *server) change(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// writing is a run's writers, with always something to write.
type writing struct {
	*server
	p    *archive.Pacer
	stop func() error
}

func startWriting(t *testing.T, s *server, most int, fixed bool) *writing {
	w := &writing{server: s, p: archive.NewPacer(most, fixed)}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for n := range most {
		wg.Go(func() {
			for ctx.Err() == nil {
				archive.PacerSeat(w.p, n)
				if err := archive.PacerPut(w.p, ctx, s, "k", store.Body{}, store.PutOptions{}); err != nil && ctx.Err() == nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
					return
				}
			}
		})
	}
	w.stop = func() error {
		cancel()
		archive.PacerClose(w.p)
		wg.Wait()
		return failed
	}
	return w
}

// over returns the Puts a second for that long, and the limit at its end.
func (w *writing) over(d time.Duration) (rate float64, limit int) {
	w.mu.Lock()
	before := w.taken
	w.mu.Unlock()
	time.Sleep(d)
	w.mu.Lock()
	defer w.mu.Unlock()
	limit, _ = archive.PacerCounts(w.p)
	return float64(w.taken-before) / d.Seconds(), limit
}

// near wants a figure within a share of another.
func near(t *testing.T, what string, got, want, share float64) {
	t.Helper()
	if got < want*(1-share) || got > want*(1+share) {
		t.Errorf("%s: %.0f; want %.0f within %.0f %%", what, got, want, 100*share)
	}
}

// within wants a limit in a range.
func within(t *testing.T, limit, from, to int) {
	t.Helper()
	if limit < from || limit > to {
		t.Errorf("the limit is %d; want %d to %d", limit, from, to)
	}
}

// simulate runs 256 writers against a server in a bubble.
func simulate(t *testing.T, b behaviour, f func(t *testing.T, w *writing)) {
	synctest.Test(t, func(t *testing.T) {
		w := startWriting(t, newServer(b), 256, false)
		f(t, w)
		if err := w.stop(); err != nil {
			t.Error(err)
		}
	})
}

// A pacer finds out what a server does most with, and stays there.
func TestPacerFinds(t *testing.T) {
	for name, c := range map[string]struct {
		behaviour
		settles  time.Duration
		rate     float64 // afterwards, at least nine tenths of it
		from, to int     // the limit then
	}{
		"20 ms away":           {behaviour{latency: 20 * time.Millisecond}, time.Second, 256 / 0.022, 170, 256},
		"200 ms away":          {behaviour{latency: 200 * time.Millisecond}, 6 * time.Second, 256 / 0.22, 170, 256},
		"a few at once":        {behaviour{latency: 100 * time.Microsecond, service: 200 * time.Microsecond, workers: 2}, time.Second, 10000, 2, 16},
		"a few at once, far":   {behaviour{latency: 20 * time.Millisecond, service: time.Millisecond, workers: 2}, time.Second, 2000, 40, 128},
		"shared fsyncs":        {behaviour{latency: 100 * time.Microsecond, fsync: 10 * time.Millisecond, service: 100 * time.Microsecond, workers: 1}, time.Second, 10000, 100, 256},
		"one in 100 is slow":   {behaviour{latency: 20 * time.Millisecond, slow: 2 * time.Second}, 3 * time.Second, 256 / 0.042, 170, 256},
		"throttles, far":       {behaviour{latency: 20 * time.Millisecond, limit: 1000}, 5 * time.Second, 750, 8, 40},
		"throttles, near":      {behaviour{latency: 500 * time.Microsecond, limit: 1000}, 2 * time.Second, 800, 1, 2},
		"throttles one in 50":  {behaviour{latency: 20 * time.Millisecond, moody: 0.02}, 3 * time.Second, 256 / 0.03, 170, 256},
		"throttles all but 50": {behaviour{latency: 5 * time.Millisecond, limit: 50}, time.Second, 36, 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, c.behaviour, func(t *testing.T, w *writing) {
				time.Sleep(c.settles)
				refused := w.refusals()
				rate, limit := w.over(10 * time.Second)
				refused = w.refusals() - refused
				if rate < 0.9*c.rate {
					t.Errorf("%.0f Puts a second; want nine tenths of %.0f", rate, c.rate)
				}
				within(t, limit, c.from, c.to)
				if most := int(rate * 10 / 2); refused > most {
					t.Errorf("%d Puts were throttled, more than %d", refused, most)
				}
			})
		})
	}
}

// A pacer follows a server that changes.
func TestPacerFollows(t *testing.T) {
	few := behaviour{latency: 100 * time.Microsecond, service: 200 * time.Microsecond, workers: 2}
	far := behaviour{latency: 20 * time.Millisecond}
	for name, c := range map[string]struct {
		first, then behaviour
		settles     time.Duration
		rate        float64
		from, to    int
	}{
		"it moves away":          {few, far, 4 * time.Second, 256 / 0.022, 170, 256},
		"it moves near":          {far, few, 6 * time.Second, 10000, 2, 16},
		"it gets slower":         {far, behaviour{latency: 100 * time.Millisecond}, 4 * time.Second, 256 / 0.11, 170, 256},
		"it does half":           {few, behaviour{latency: 100 * time.Microsecond, service: 400 * time.Microsecond, workers: 2}, time.Second, 5000, 2, 16},
		"it throttles":           {far, behaviour{latency: 20 * time.Millisecond, limit: 1000}, 10 * time.Second, 720, 8, 40},
		"it throttles no longer": {behaviour{latency: 20 * time.Millisecond, limit: 100}, far, 20 * time.Second, 256 / 0.022, 170, 256},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, c.first, func(t *testing.T, w *writing) {
				time.Sleep(5 * time.Second)
				w.change(func() { w.behaviour, w.free = c.then, nil })
				time.Sleep(c.settles)
				rate, limit := w.over(10 * time.Second)
				if rate < 0.9*c.rate {
					t.Errorf("%.0f Puts a second; want nine tenths of %.0f", rate, c.rate)
				}
				within(t, limit, c.from, c.to)
			})
		})
	}
}

// A server that stops is waited for, and then everything is as before.
func TestPacerServerStops(t *testing.T) {
	simulate(t, behaviour{latency: 20 * time.Millisecond}, func(t *testing.T, w *writing) {
		time.Sleep(2 * time.Second)
		stopped := make(chan struct{})
		w.change(func() { w.stopped = stopped })
		time.Sleep(30 * time.Second)
		w.change(func() { w.stopped = nil })
		close(stopped)
		time.Sleep(2 * time.Second)
		rate, limit := w.over(5 * time.Second)
		near(t, "Puts a second", rate, 256/0.022, 0.1)
		within(t, limit, 170, 256)
	})
}

// Writers that lack records say nothing about the store.
func TestPacerStarved(t *testing.T) {
	simulate(t, behaviour{latency: 20 * time.Millisecond}, func(t *testing.T, w *writing) {
		time.Sleep(2 * time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { // as if every other record had to be waited for
			for ctx.Err() == nil {
				archive.PacerStarve(w.p)
				time.Sleep(100 * time.Microsecond)
			}
		})
		time.Sleep(10 * time.Second)
		for range 20 {
			_, limit := w.over(100 * time.Millisecond)
			within(t, limit, 256, 256)
		}
		cancel()
		wg.Wait()
	})
}

// With a fixed number it stays fixed, also where the server throttles.
func TestPacerFixed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWriting(t, newServer(behaviour{latency: 20 * time.Millisecond, limit: 400}), 32, true)
		rate, limit := w.over(10 * time.Second)
		if rate < 280 {
			t.Errorf("%.0f Puts a second; want 280 of 400", rate)
		}
		if _, most := archive.PacerCounts(w.p); limit != 32 || most > 32 || most < 20 {
			t.Errorf("the limit is %d and %d were in flight; want 32 and at least the 20 that are taken at first", limit, most)
		}
		if err := w.stop(); err != nil {
			t.Error(err)
		}
	})
}

// throttling throttles every Put of some, and counts them.
type throttling struct {
	store.Store
	takes func(tries int) bool

	mu    sync.Mutex
	tries []time.Time // guarded by mu: when Puts came
}

// count returns how many Puts came.
func (s *throttling) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tries)
}

func (s *throttling) Put(context.Context, string, store.Body, store.PutOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries = append(s.tries, time.Now())
	if s.takes(len(s.tries)) {
		return nil
	}
	return fmt.Errorf("put: %w", store.ErrThrottled)
}

// A store that takes nothing for a minute is unavailable.
func TestPacerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &throttling{takes: func(tries int) bool { return false }}
		p, began := archive.NewPacer(256, false), time.Now()
		err := archive.PacerPut(p, t.Context(), s, "k", store.Body{}, store.PutOptions{})
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Put: %v", err)
		}
		if took := time.Since(began); took < time.Minute || took > 75*time.Second {
			t.Errorf("it gave up after %v", took)
		}
		if n := len(s.tries); n < 12 || n > 40 {
			t.Errorf("it tried %d times", n)
		}
		for i := 2; i < len(s.tries); i++ {
			if gap := s.tries[i].Sub(s.tries[i-1]); gap < 100*time.Millisecond || gap > 16*time.Second {
				t.Errorf("%v between two tries", gap)
			}
		}
	})
}

// pickyStore takes every key but one.
type pickyStore struct{ store.Store }

func (pickyStore) Put(_ context.Context, key string, _ store.Body, _ store.PutOptions) error {
	if key == "refused" {
		return store.ErrThrottled
	}
	return nil
}

// A Put that is not taken for ten minutes while others are keeps nobody waiting
// any longer.
func TestPacerGivesUpOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, began := archive.NewPacer(4, false), time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		var others sync.WaitGroup
		others.Go(func() {
			for ctx.Err() == nil {
				if err := archive.PacerPut(p, ctx, pickyStore{}, "taken", store.Body{}, store.PutOptions{}); err != nil && ctx.Err() == nil {
					t.Errorf("Put of another: %v", err)
				}
				time.Sleep(time.Second)
			}
		})
		err := archive.PacerPut(p, ctx, pickyStore{}, "refused", store.Body{}, store.PutOptions{})
		if took := time.Since(began); !errors.Is(err, store.ErrUnavailable) || took < 10*time.Minute || took > 11*time.Minute {
			t.Errorf("after %v Put returned %v", took, err)
		}
		cancel()
		others.Wait()
	})
}

// Where the store takes something now and then, a Put is made until it is taken.
func TestPacerGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &throttling{takes: func(tries int) bool { return tries%10 == 0 }}
		p := archive.NewPacer(1, true)
		for range 20 {
			if err := archive.PacerPut(p, t.Context(), s, "k", store.Body{}, store.PutOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if len(s.tries) != 200 {
			t.Errorf("%d tries; want 200", len(s.tries))
		}
	})
}

// Whoever waits stops when ctx ends, and nothing is put after that.
func TestPacerCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &throttling{takes: func(int) bool { return false }}
		p := archive.NewPacer(4, true)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				err := archive.PacerPut(p, ctx, s, "k", store.Body{}, store.PutOptions{})
				if !errors.Is(err, context.Canceled) {
					t.Errorf("Put: %v", err)
				}
			})
		}
		time.Sleep(3 * time.Second)
		tries := s.count()
		cancel()
		wg.Wait()
		if more := s.count() - tries; more != 0 {
			t.Errorf("%d more tries", more)
		}
	})
}
