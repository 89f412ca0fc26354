package queue_test

import (
	"context"
	"io"
	"sync"
	"testing"

	"logstow/archive/ledger"
	"logstow/export"
)

// TestTwoQueues lets two processes work through the same exports: each is made
// once.
func TestTwoQueues(t *testing.T) {
	w := newMemory(t)
	var ids []string
	for range 50 {
		ids = append(ids, w.create(1000))
	}
	var mu sync.Mutex
	made := map[string]int{} // guarded by mu
	copyOf := copyJobs(w.s)
	fault, finished := finishes()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for range 2 {
		c := w.config()
		c.Ledger, c.Workers, c.Store = w.ledger(fault), 3, watched{w.s, w.watch()}
		c.Exporter = write(func(ctx context.Context, to io.Writer, r export.Request, p func(export.Progress)) (export.Progress, error) {
			mu.Lock()
			made[r.Jobs[0]]++
			mu.Unlock()
			return copyOf(ctx, to, r, p)
		})
		go func() { ended <- w.queue(c).Run(ctx) }()
	}
	for range ids {
		<-finished
	}
	stop()
	for range 2 {
		must(t, <-ended)
	}
	for _, id := range ids {
		if made[id+"-a"] != 1 {
			t.Errorf("export %s was made %d times", id, made[id+"-a"])
		}
	}
	w.wantReady(ids...)
}

// TestManyWorkOnOne lets several callers work on the same export: one makes it,
// and all get it.
func TestManyWorkOnOne(t *testing.T) {
	w := newMemory(t)
	id := w.create(1000)
	got := make([]ledger.Export, 6)
	var wg sync.WaitGroup
	for i := range got {
		c := w.config()
		c.Ledger, c.Poll = w.ledger(nil), 1 // as often as can be
		wg.Go(func() {
			var err error
			if got[i], err = w.queue(c).Work(t.Context(), id, nil); err != nil {
				t.Errorf("Work: %v", err)
			}
		})
	}
	wg.Wait()
	for _, e := range got {
		if e.State != ledger.ExportReady || e.Attempt != 1 {
			t.Errorf("Work = %s, attempt %d; want it ready, 1", e.State, e.Attempt)
		}
	}
	w.wantReady(id)
}
