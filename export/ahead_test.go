package export_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/export"
)

// gated is a store whose objects are read when the test says so.
type gated struct {
	store.Store
	before func(ctx context.Context, key string) error

	mu              sync.Mutex
	asked, underWay int // guarded by mu
}

func (g *gated) Get(ctx context.Context, key string, part store.Range) (io.ReadCloser, store.Info, error) {
	g.count(1, 1)
	defer g.count(0, -1)
	if err := g.before(ctx, key); err != nil {
		return nil, store.Info{}, err
	}
	return g.Store.Get(ctx, key, part)
}

func (g *gated) count(asked, underWay int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked += asked
	g.underWay += underWay
}

func (g *gated) now() (asked, underWay int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked, g.underWay
}

// sized is a record of a job, of about that many bytes.
func sized(i, bytes int) string {
	at := time.Date(2026, 1, 23, 10, 0, 0, 0, time.UTC).Add(time.Duration(-i) * time.Minute).Format(time.RFC3339)
	return fmt.Sprintf(`{"id":"j%d","account_id":1,"recipe_id":"r","status":"succeeded","completed_at":%q,"lines":[{"message":"%s"}]}`,
		i, at, strings.Repeat("x", bytes))
}

// aheadOf is a world with jobs, and an exporter that reads them through g.
func aheadOf(t *testing.T, g *gated, jobs, bytes int) *export.Exporter {
	t.Helper()
	w := newWorld(t)
	for i := range jobs {
		w.add(sized(i, bytes))
	}
	g.Store = w.store
	e, err := export.New(export.Config{Store: g, Ledger: w.ledger, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

var everything = export.Request{Format: export.NDJSON}

// What answers last is still written in its place.
func TestJobsAreFetchedAheadAndWrittenInOrder(t *testing.T) {
	const jobs = 16
	var answered [jobs]chan struct{}
	var place sync.Map
	for i := range answered {
		answered[i] = make(chan struct{})
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	g := &gated{before: func(_ context.Context, key string) error {
		i, _ := place.Load(key)
		defer close(answered[i.(int)])
		if i == jobs-1 {
			return nil
		}
		select {
		case <-answered[i.(int)+1]:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	w := newWorld(t)
	var want strings.Builder
	for i := range jobs {
		record := sized(i, 100)
		w.add(record)
		want.WriteString(record + "\n")
	}
	i := 0
	for d, err := range w.ledger.Documents(t.Context(), ledger.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		place.Store(d.Key, i)
		i++
	}
	g.Store = w.store
	e, err := export.New(export.Config{Store: g, Ledger: w.ledger})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := e.Write(ctx, &out, everything, nil); err != nil || out.String() != want.String() {
		t.Errorf("Write, where the last of %d jobs answers first, = %v and\n%s\nwant\n%s", jobs, err, out.String(), want.String())
	}
}

func TestWhatIsFetchedAheadIsBounded(t *testing.T) {
	for _, test := range []struct{ jobs, bytes, want int }{
		{40, 100, 16},
		{10, 3 << 20, 2},
		{3, 9 << 20, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			open := make(chan struct{})
			g := &gated{before: func(context.Context, string) error { <-open; return nil }}
			e := aheadOf(t, g, test.jobs, test.bytes)
			done := make(chan error)
			go func() {
				_, err := e.Write(t.Context(), io.Discard, everything, nil)
				done <- err
			}()
			synctest.Wait()
			if asked, _ := g.now(); asked != test.want {
				t.Errorf("of %d jobs of %d bytes %d are fetched at once, want %d", test.jobs, test.bytes, asked, test.want)
			}
			close(open)
			if err := <-done; err != nil {
				t.Error(err)
			}
			if asked, _ := g.now(); asked != test.jobs {
				t.Errorf("of %d jobs %d were fetched", test.jobs, asked)
			}
		})
	}
}

func TestNothingIsFetchedAfterAnError(t *testing.T) {
	broken := fmt.Errorf("%w: pulled", store.ErrUnavailable)
	g := &gated{before: func(ctx context.Context, key string) error {
		if strings.Contains(key, "/j0/") {
			return broken
		}
		<-ctx.Done()
		time.Sleep(10 * time.Millisecond) // who doesn't wait for it returns before
		return ctx.Err()
	}}
	e := aheadOf(t, g, 60, 100)
	_, err := e.Write(t.Context(), io.Discard, everything, nil)
	if asked, underWay := g.now(); !errors.Is(err, store.ErrUnavailable) || underWay != 0 || asked != 16 {
		t.Errorf("Write = %v, having asked for %d objects, %d still under way; want what was broken, 16, none", err, asked, underWay)
	}
}

// Who calls Write may go on after a panic, and so it has to be theirs.
func TestAPanicOfTheStoreIsTheCallers(t *testing.T) {
	g := &gated{before: func(context.Context, string) error { panic("pulled") }}
	e := aheadOf(t, g, 3, 100)
	defer func() {
		if p := fmt.Sprint(recover()); !strings.HasPrefix(p, "pulled\n") {
			t.Errorf("recovered %q, want the store's panic", p)
		}
	}()
	_, err := e.Write(t.Context(), io.Discard, everything, nil)
	t.Errorf("Write = %v, want the store's panic", err)
}
