// Package queue works through the exports that the ledger holds.
package queue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/export"
)

// writer is what renders an export: an *export.Exporter.
type writer interface {
	Write(ctx context.Context, w io.Writer, r export.Request, progress func(export.Progress)) (export.Progress, error)
}

// exports is the part of a *ledger.Ledger that a Queue needs.
type exports interface {
	Export(ctx context.Context, id string) (ledger.Export, error)
	ClaimExport(ctx context.Context, id string, now time.Time, lease time.Duration) (ledger.Export, error)
	RenewExport(ctx context.Context, e ledger.Export) error
	FinishExport(ctx context.Context, e ledger.Export) error
	StartSweep(ctx context.Context, before time.Time) ([]ledger.Export, error)
	EndSweep(ctx context.Context, ids ...string) error
	CheckFence(ctx context.Context) error
}

// Config says what a Queue works with. Exporter, Store and Ledger are
// required.
type Config struct {
	Exporter writer
	Store    store.Store
	Ledger   exports

	Workers  int           // exports that Run makes at once; 0: 2
	Poll     time.Duration // how often the ledger is asked for work of other processes, and told of progress; 0: 2 s
	Lease    time.Duration // how long a claim lasts unless renewed; 0: 1 minute
	Pause    time.Duration // before something that failed in passing is tried again, doubled each time; 0: 1 s
	Attempts int64         // how often an export is begun, by any process, before it has failed; 0: 20
	TempDir  string        // for files while they are made; empty: the system's
	MaxSize  int64         // of one file, in bytes; 0: 5 GB, S3's limit for one Put

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: nothing is logged
}

// Queue makes exports, each at most once at a time among all processes of one
// ledger. It is safe for concurrent use.
type Queue struct {
	Config
	wake chan struct{} // one element for each worker that is to look for work
}

// New returns a Queue. Nothing runs yet.
func New(c Config) (*Queue, error) {
	if c.Exporter == nil || c.Store == nil || c.Ledger == nil {
		return nil, errors.New("export queue: it needs an exporter, a store and a ledger")
	}
	if c.Workers < 0 || c.Poll < 0 || c.Lease < 0 || c.Pause < 0 || c.Attempts < 0 || c.MaxSize < 0 {
		return nil, fmt.Errorf("export queue: a number is negative: %d workers, poll %s, lease %s, pause %s, %d attempts, %d bytes",
			c.Workers, c.Poll, c.Lease, c.Pause, c.Attempts, c.MaxSize)
	}
	orDefault(&c.Workers, 2)
	orDefault(&c.Poll, 2*time.Second)
	orDefault(&c.Lease, time.Minute)
	orDefault(&c.Pause, time.Second)
	orDefault(&c.Attempts, 20)
	orDefault(&c.MaxSize, 5_000_000_000)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Queue{Config: c, wake: make(chan struct{}, c.Workers)}, nil
}

func orDefault[T int | int64 | time.Duration](value *T, otherwise T) {
	if *value == 0 {
		*value = otherwise
	}
}

// Wake tells Run that there is work, so that it need not wait for its poll. It
// does not block.
func (q *Queue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default: // every worker is to look already
	}
}
