package archive_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/layout/jobfile"
)

// throttled is a store that does not take some of the Puts of a run that paces
// itself.
type throttled struct {
	store.Store
	refuses func(n int) bool // the nth, from 1
	after   bool             // it has taken effect all the same

	mu sync.Mutex
	n  int // guarded by mu
}

func (s *throttled) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) error {
	if !o.Paced {
		return s.Store.Put(ctx, key, b, o)
	}
	s.mu.Lock()
	s.n++
	refused := s.refuses(s.n)
	s.mu.Unlock()
	if !refused {
		return s.Store.Put(ctx, key, b, o)
	}
	if s.after {
		if err := s.Store.Put(ctx, key, b, o); err != nil {
			return err
		}
	}
	return fmt.Errorf("put %s: %w", key, store.ErrThrottled)
}

// A Put that is throttled is made again, whichever it is and whether it took
// effect or not, and the run goes on to its end.
func TestThrottledAnywhere(t *testing.T) {
	stream, _, _ := story()
	path := file(t, stream)
	attempt := func(t *testing.T, refused int, after bool) (puts int) {
		inner, l := memstore.New(), newLedger(t)
		s := &throttled{Store: inner, after: after, refuses: func(n int) bool { return n == refused }}
		run(t, archive.Config{
			Store: s, Ledger: l, MaxFileSize: 300, ConcurrencyMax: 2,
			Inputs: []archive.Input{input(t, path, jobfile.Config{})},
		})
		wantSafe(t, inner, l)
		return s.n
	}
	puts := attempt(t, 0, false)
	if puts < 15 {
		t.Fatalf("only %d Puts", puts)
	}
	for n := 1; n <= puts; n++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d after=%v", n, after), func(t *testing.T) {
				t.Parallel()
				if again := attempt(t, n, after); again < puts+1 {
					t.Errorf("%d Puts, want more than %d", again, puts)
				}
			})
		}
	}
}

// manyJobs is a file of that many.
func manyJobs(t *testing.T, n int) string {
	var stream strings.Builder
	for i := range n {
		stream.WriteString(job(fmt.Sprint("j", i), "") + "\n")
	}
	return file(t, stream.String())
}

// A store that throttles all the time gets everything, each record once.
func TestThrottledAllTheTime(t *testing.T) {
	for _, concurrency := range []int{0, 8} {
		inner, l := memstore.New(), newLedger(t)
		s := &throttled{Store: inner, refuses: func(n int) bool { return n%7 == 0 }}
		got := run(t, archive.Config{
			Store: s, Ledger: l, Concurrency: concurrency,
			Inputs: []archive.Input{input(t, manyJobs(t, 150), jobfile.Config{})},
		})
		wantSummary(t, got, archive.Summary{Read: 150, Archived: 150})
		wantAgreement(t, inner, l)
		if got.Concurrency < 1 || got.Concurrency > 256 || concurrency > 0 && got.Concurrency > concurrency {
			t.Errorf("%d in flight; %d were asked for", got.Concurrency, concurrency)
		}
	}
}

// A run that waits because it was throttled ends when it is interrupted. What
// it had not put is there for the next run.
func TestThrottledAndInterrupted(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), ledgerStaysOpen)
	path := manyJobs(t, 400)
	inner, l := memstore.New(), newLedger(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := &throttled{Store: inner, refuses: func(n int) bool {
		if n == 104 {
			cancel()
		}
		return n > 100
	}}
	got, err := archive.Run(ctx, archive.Config{Store: s, Ledger: l, Concurrency: 40, Inputs: []archive.Input{input(t, path, jobfile.Config{})}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("Run: %v", err)
	}
	if got.Archived > 100 || len(collect(t, l.Documents(t.Context(), ledger.Query{}))) != int(got.Archived) {
		t.Errorf("%d archived, of 100 that were put", got.Archived)
	}
	wantAgreement(t, inner, l)
	again := run(t, archive.Config{Store: inner, Ledger: l, Inputs: []archive.Input{input(t, path, jobfile.Config{})}})
	if again.Archived+again.AlreadyArchived+got.Archived < 400 {
		t.Errorf("%+v, then %+v", got, again)
	}
	if n := len(keys(t, inner)); n != 400 {
		t.Errorf("%d documents; want 400", n)
	}
}
