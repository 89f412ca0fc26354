package queue_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/export"
	"logstow/export/queue"
)

func TestNewRefuses(t *testing.T) {
	w := newMemory(t)
	for name, breakIt := range map[string]func(*queue.Config){
		"no exporter":       func(c *queue.Config) { c.Exporter = nil },
		"no store":          func(c *queue.Config) { c.Store = nil },
		"no ledger":         func(c *queue.Config) { c.Ledger = nil },
		"a negative lease":  func(c *queue.Config) { c.Lease = -1 },
		"a negative number": func(c *queue.Config) { c.Workers = -1 },
	} {
		c := w.config()
		breakIt(&c)
		if _, err := queue.New(c); err == nil {
			t.Errorf("New with %s succeeded", name)
		}
	}
}

// puts keeps what a store is told to put.
type puts struct {
	store.Store
	mu   sync.Mutex
	opts map[string]store.PutOptions // guarded by mu
}

func (p *puts) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opts[key] = o
	return p.Store.Put(ctx, key, b, o)
}

func TestWork(t *testing.T) {
	w := newMemory(t)
	for format, want := range map[export.Format][2]string{
		export.JSON:   {"1.json", "application/json"},
		export.Text:   {"1.log", "text/plain; charset=utf-8"},
		export.NDJSON: {"1.ndjson", "application/x-ndjson"},
		export.CSV:    {"1.csv", "text/csv; charset=utf-8"},
		export.Zip:    {"1.zip", "application/zip"},
	} {
		id := w.create(300_000)
		other := newID()
		w.want[other] = w.want[id]
		w.record(other, export.Request{Format: format, User: "u", Jobs: []string{id + "-a", id + "-b"}})
		c := w.config()
		p := &puts{Store: w.s, opts: map[string]store.PutOptions{}}
		c.Store = p
		var seen []string
		got, err := w.queue(c).Work(t.Context(), other, func(e ledger.Export) {
			seen = append(seen, fmt.Sprint(e.State, e.Jobs, "/", e.Total))
		})
		must(t, err)
		if diff := cmp.Diff(w.state(other), got); diff != "" || got.State != ledger.ExportReady || got.Jobs != 2 || got.Total != 2 || got.Lines != 2 {
			t.Errorf("Work as %s = %+v (-ledger +got):\n%s", format, got, diff)
		}
		steps := []string{"created0/-1", "running1/2", "running2/2", "running2/2", "ready2/2"}
		if diff := cmp.Diff(steps, seen); diff != "" {
			t.Errorf("progress of %s (-want +got):\n%s", format, diff)
		}
		o := p.opts[got.Object]
		if !strings.HasSuffix(got.Object, other+"/"+want[0]) || !o.IfAbsent || o.ContentType != want[1] {
			t.Errorf("%s was put as %s with %+v; want %s", format, got.Object, o, want)
		}
		w.wantReady(other)
	}
}

func TestWorkOnNothing(t *testing.T) {
	w := newMemory(t)
	if _, err := w.queue(w.config()).Work(t.Context(), newID(), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Work on no export = %v, want fs.ErrNotExist", err)
	}
}

// finishes returns a fault that tells of each export that was finished.
func finishes() (fault func(string, ledger.Phase) error, finished chan struct{}) {
	finished = make(chan struct{}, 1000)
	return func(op string, p ledger.Phase) error {
		if op == "finish export" && p == ledger.After {
			finished <- struct{}{}
		}
		return nil
	}, finished
}

func TestRun(t *testing.T) {
	w := newMemory(t)
	fault, finished := finishes()
	c := w.config() // polls each hour
	c.Ledger, c.Workers = w.ledger(fault), 3
	q := w.queue(c)
	ids := []string{w.create(10), w.create(10), w.create(10)}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- q.Run(ctx) }()
	for range ids {
		<-finished
	}
	w.wantReady(ids...)
	for range 20 {
		id := w.create(10)
		q.Wake()
		<-finished
		w.wantReady(id)
	}
	stop()
	must(t, <-ended)
}

// Work of another process is found without being told of it.
func TestRunPolls(t *testing.T) {
	w := newMemory(t)
	fault, finished := finishes()
	c := w.config()
	c.Ledger, c.Poll = w.ledger(fault), time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.queue(c).Run(ctx) }()
	for range 5 {
		id := w.create(10)
		<-finished
		w.wantReady(id)
	}
	stop()
	must(t, <-ended)
}

// What can't be made has failed at once, and says why to whoever asked without
// saying more.
func TestFails(t *testing.T) {
	const secret = "bucket-of-somebody-else"
	fail := func(err error) write {
		return func(_ context.Context, w io.Writer, _ export.Request, _ func(export.Progress)) (export.Progress, error) {
			_, _ = io.WriteString(w, "half of it")
			return export.Progress{}, fmt.Errorf("%s: %w", secret, err)
		}
	}
	for name, c := range map[string]struct {
		write write
		calls int // of the exporter
		says  string
	}{
		"refused":     {fail(store.ErrRefused), 1, "the store refused"},
		"damaged":     {fail(export.ErrDamaged), 1, "not what was archived"},
		"not found":   {fail(export.ErrNotFound), 1, "is not kept"},
		"ambiguous":   {fail(&export.AmbiguousError{ID: "1", Users: []string{"v", "w"}}), 1, "name the user"},
		"disk full":   {fail(syscall.ENOSPC), 1, "no space left"},
		"unavailable": {fail(store.ErrUnavailable), 8, "could not be reached"},
		"busy":        {fail(ledger.ErrBusy), 8, "in use for too long"},
		"anything":    {fail(errors.New("anything")), 1, "in the server's log"},
		"panic": {func(context.Context, io.Writer, export.Request, func(export.Progress)) (export.Progress, error) {
			panic(secret)
		}, 1, "in the server's log"},
		"too large": {func(_ context.Context, w io.Writer, _ export.Request, _ func(export.Progress)) (export.Progress, error) {
			for range 1000 { // it takes no notice
				_, _ = w.Write(make([]byte, 5000))
			}
			return export.Progress{}, nil
		}, 1, "larger than 4 MB: ask for fewer jobs"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newMemory(t)
			id, calls := w.create(10), 0
			var log bytes.Buffer
			config := w.config()
			config.MaxSize, config.Log = 4_000_000, slog.New(slog.NewTextHandler(&log, nil))
			config.Exporter = write(func(ctx context.Context, to io.Writer, r export.Request, p func(export.Progress)) (export.Progress, error) {
				calls++
				return c.write(ctx, to, r, p)
			})
			got, err := w.queue(config).Work(t.Context(), id, nil)
			must(t, err)
			if got.State != ledger.ExportFailed || !strings.Contains(got.Error, c.says) || strings.Contains(got.Error, secret) || calls != c.calls {
				t.Errorf("Work = %s (%s) after %d calls; want it failed (%s) after %d", got.State, got.Error, calls, c.says, c.calls)
			}
			if name != "too large" && !strings.Contains(log.String(), secret) {
				t.Errorf("the log doesn't say why:\n%s", log.String())
			}
			if k := w.keys(); len(k) > 0 {
				t.Errorf("the store has %v", k)
			}
			w.wantNoFiles()
		})
	}
}

func TestRefusedRequests(t *testing.T) {
	w := newMemory(t)
	for _, request := range []string{
		``, `{`, `[]`, `{"format":"exe"}`, `{"format":"text","from":"yesterday"}`,
		`{"format":"text","user":"v","jobs":["1"]}`, // another's
	} {
		id := newID()
		w.recordAs(id, "u", []byte(request))
		got, err := w.queue(w.config()).Work(t.Context(), id, nil)
		must(t, err)
		if got.State != ledger.ExportFailed || !strings.Contains(got.Error, "makes no sense") {
			t.Errorf("request %s: %s (%s), want it failed", request, got.State, got.Error)
		}
	}
}

// An export that is bound to a user is never about others, whatever its
// request forgot to say.
func TestUserIsBound(t *testing.T) {
	w := newMemory(t)
	id := newID()
	w.recordAs(id, "u", []byte(`{"format":"text","jobs":["1"]}`))
	c := w.config()
	var asked string
	c.Exporter = write(func(_ context.Context, _ io.Writer, r export.Request, _ func(export.Progress)) (export.Progress, error) {
		asked = r.User
		return export.Progress{}, nil
	})
	if _, err := w.queue(c).Work(t.Context(), id, nil); err != nil || asked != "u" {
		t.Errorf("the exporter was asked for user %q, %v; want u", asked, err)
	}
}

// An export that is begun again and again, as by processes that it kills, has
// failed at last.
func TestBegunTooOften(t *testing.T) {
	w := newMemory(t)
	id := w.create(10)
	c := w.config()
	c.Attempts = 3
	for n := range c.Attempts {
		_, err := w.l.ClaimExport(t.Context(), id, time.Now().Add(time.Duration(n)*time.Minute-time.Hour), time.Minute)
		must(t, err)
	}
	got, err := w.queue(c).Work(t.Context(), id, nil)
	must(t, err)
	if got.State != ledger.ExportFailed || !strings.Contains(got.Error, "too often") {
		t.Errorf("Work = %s (%s), want it failed", got.State, got.Error)
	}
}

// Where an older attempt's key holds something else, as after the ledger was
// put back from a copy, the next attempt goes elsewhere.
func TestKeyIsTaken(t *testing.T) {
	w := newMemory(t)
	id := w.create(100)
	must(t, w.s.Put(t.Context(), "_logstow/exports/"+id+"/1.log", store.Bytes(bytes.Repeat([]byte("x"), len(w.want[id]))), store.PutOptions{}))
	got, err := w.queue(w.config()).Work(t.Context(), id, nil)
	if err != nil || got.Attempt != 2 {
		t.Errorf("Work = attempt %d, %v; want 2", got.Attempt, err)
	}
	w.wantReady(id)
}
