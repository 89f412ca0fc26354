package queue_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/export"
)

// blocking is an exporter that says when it has begun, and then writes nothing
// more until its context ends.
func blocking(begun chan<- struct{}) write {
	return func(ctx context.Context, w io.Writer, _ export.Request, progress func(export.Progress)) (export.Progress, error) {
		_, _ = io.WriteString(w, "the first half")
		progress(export.Progress{Jobs: 1, Total: 2})
		begun <- struct{}{}
		<-ctx.Done()
		return export.Progress{}, errors.New("torn apart")
	}
}

// When Run is to end it gives back what it makes, and another may go on at
// once.
func TestRunGivesBack(t *testing.T) {
	w := newMemory(t)
	ids := []string{w.create(10), w.create(10)}
	begun := make(chan struct{})
	c := w.config()
	c.Exporter = blocking(begun)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.queue(c).Run(ctx) }()
	<-begun
	<-begun
	stop()
	must(t, <-ended)
	for _, id := range ids {
		if e := w.state(id); e.State != ledger.ExportCreated || e.Attempt != 1 {
			t.Errorf("export %s is %s, attempt %d; want it given back", id, e.State, e.Attempt)
		}
		got, err := w.queue(w.config()).Work(t.Context(), id, nil)
		if err != nil || got.Attempt != 2 {
			t.Errorf("Work = attempt %d, %v; want 2", got.Attempt, err)
		}
	}
	w.wantReady(ids...)
}

// An export that is cancelled while it is made is not made on.
func TestCancelStopsTheWork(t *testing.T) {
	w := newMemory(t)
	id := w.create(10)
	begun := make(chan struct{}, 1)
	c := w.config()
	c.Exporter, c.Poll = blocking(begun), time.Millisecond
	type result struct {
		e   ledger.Export
		err error
	}
	worked := make(chan result)
	go func() {
		e, err := w.queue(c).Work(t.Context(), id, nil)
		worked <- result{e, err}
	}()
	<-begun
	must(t, w.l.CancelExport(t.Context(), id, ledger.AuditEntry{At: time.Now(), Action: "cancel", Outcome: "ok"}))
	if got := <-worked; got.err != nil || got.e.State != ledger.ExportCancelled {
		t.Errorf("Work = %s, %v; want it cancelled", got.e.State, got.err)
	}
	if k := w.keys(); len(k) > 0 {
		t.Errorf("the store has %v", k)
	}
	w.wantNoFiles()
}

// Progress is in the ledger while the export is made.
func TestProgressIsRecorded(t *testing.T) {
	w := newMemory(t)
	id := w.create(10)
	renewed := make(chan struct{}, 100)
	c := w.config()
	c.Poll = time.Millisecond
	c.Ledger = w.ledger(func(op string, p ledger.Phase) error {
		if op == "renew export" && p == ledger.After {
			renewed <- struct{}{}
		}
		return nil
	})
	copyOf := copyJobs(w.s)
	c.Exporter = write(func(ctx context.Context, to io.Writer, r export.Request, progress func(export.Progress)) (export.Progress, error) {
		progress(export.Progress{Jobs: 7, Total: 9, Lines: 70, Bytes: 700})
		for w.state(id).Jobs != 7 {
			<-renewed
		}
		if e := w.state(id); e.Total != 9 || e.Lines != 70 || e.Bytes != 700 || e.State != ledger.ExportRunning {
			t.Errorf("the ledger says %+v", e)
		}
		return copyOf(ctx, to, r, progress)
	})
	_, err := w.queue(c).Work(t.Context(), id, nil)
	must(t, err)
	w.wantReady(id)
}

// A claim lasts for as long as it is worked on, without any progress.
func TestClaimIsRenewed(t *testing.T) {
	w := newMemory(t)
	id := w.create(10)
	renewed := make(chan struct{}, 100)
	c := w.config()
	c.Lease = 3 * time.Second
	c.Ledger = w.ledger(func(op string, p ledger.Phase) error {
		if op == "renew export" && p == ledger.After {
			renewed <- struct{}{}
		}
		return nil
	})
	copyOf := copyJobs(w.s)
	c.Exporter = write(func(ctx context.Context, to io.Writer, r export.Request, progress func(export.Progress)) (export.Progress, error) {
		before := w.state(id).LeaseUntil
		<-renewed
		<-renewed
		if after := w.state(id).LeaseUntil; !after.After(before) {
			t.Errorf("the lease until %s was renewed until %s", before, after)
		}
		return copyOf(ctx, to, r, progress)
	})
	got, err := w.queue(c).Work(t.Context(), id, nil)
	if err != nil || got.Attempt != 1 {
		t.Errorf("Work = attempt %d, %v; want 1", got.Attempt, err)
	}
	w.wantReady(id)
}

// Work ends when the ledger can't be told in time that it goes on.
func TestLedgerIsOutOfReach(t *testing.T) {
	w := newMemory(t)
	id := w.create(10)
	var broken atomic.Bool
	broken.Store(true)
	begun := make(chan struct{}, 1)
	c := w.config()
	c.Exporter, c.Poll, c.Lease = blocking(begun), time.Millisecond, 100*time.Millisecond
	c.Ledger = w.ledger(func(op string, _ ledger.Phase) error {
		if op == "renew export" && broken.Load() {
			return ledger.ErrBusy
		}
		return nil
	})
	_, err := w.queue(c).Work(t.Context(), id, nil)
	if !errors.Is(err, ledger.ErrBusy) || !strings.Contains(err.Error(), "could not be renewed") {
		t.Errorf("Work = %v, want it to say that the claim was lost", err)
	}
	broken.Store(false)
	c.Exporter = copyJobs(w.s)
	_, err = w.queue(c).Work(t.Context(), id, nil)
	must(t, err)
	w.wantReady(id)
}

// late is a store whose first Put of an export takes effect when it is told to,
// whatever has become of its context.
type late struct {
	store.Store
	first          atomic.Bool
	began, go_, in chan struct{}
}

func (s *late) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) error {
	if s.first.Swap(true) {
		return s.Store.Put(ctx, key, b, o)
	}
	close(s.began)
	<-s.go_
	defer close(s.in)
	return s.Store.Put(context.WithoutCancel(ctx), key, b, o)
}

// A worker that stalls until another has made its export loses, and the file
// that it puts late is swept.
func TestStalledWorkerLoses(t *testing.T) {
	w := newMemory(t)
	id := w.create(100)
	s := &late{Store: w.s, began: make(chan struct{}), go_: make(chan struct{}), in: make(chan struct{})}
	slow := w.config()
	slow.Store = s
	worked := make(chan error)
	go func() {
		got, err := w.queue(slow).Work(t.Context(), id, nil)
		if err == nil && got.Attempt != 2 {
			t.Errorf("the stalled worker says that attempt %d is ready", got.Attempt)
		}
		worked <- err
	}()
	<-s.began
	fast := w.config()
	fast.Ledger = w.ledger(nil)
	fast.Now = func() time.Time { return time.Now().Add(slow.Lease + time.Hour) }
	got, err := w.queue(fast).Work(t.Context(), id, nil)
	if err != nil || got.Attempt != 2 {
		t.Fatalf("Work = attempt %d, %v; want 2", got.Attempt, err)
	}
	close(s.go_)
	<-s.in
	must(t, <-worked)
	w.wantReady(id)
	w.wantKeys(id+"/1.log", id+"/2.log")
	now := time.Now().Add(25 * time.Hour)
	must(t, w.extend(id, now.Add(time.Hour)))
	if n, err := w.queue(fast).Sweep(t.Context(), now); n != 1 || err != nil {
		t.Errorf("Sweep = %d, %v; want 1", n, err)
	}
	w.wantKeys(id + "/2.log")
	w.wantReady(id)
}

// extend gives an export another token.
func (w *world) extend(id string, until time.Time) error {
	_, err := w.l.AddToken(w.t.Context(), ledger.Token{
		Hash: ledger.Hash(contents(newID(), 32)[:32]), Export: id, Created: time.Now(), Expires: until,
	})
	return err
}
