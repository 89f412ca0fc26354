package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
	"logstow/cmd/internal/config"
	"logstow/cmd/internal/metrics"
	"logstow/export"
	"logstow/export/access"
	"logstow/export/queue"
	"logstow/export/token"
	"logstow/export/web"
	"logstow/layout"
	"logstow/layout/jobfile"
)

// keyLister is the part of a ledger that tells whether anybody has a key.
type keyLister interface {
	Keys(ctx context.Context) ([]ledger.APIKey, error)
}

// opened is what a server is built on.
type opened struct {
	store   store.Store
	ledger  *ledger.Ledger
	baseURL string
}

// parts is what serve runs.
type parts struct {
	server  *web.Server
	queue   *queue.Queue
	erasing retain.Config
	log     *slog.Logger
}

// serving builds what serve runs.
func (a *app) serving(ctx context.Context, c *config.Config, o opened) (*parts, error) {
	exporter, err := export.New(export.Config{Store: o.store, Ledger: o.ledger, Fields: fieldMaps(c)})
	if err != nil {
		return nil, err
	}
	work, err := queue.New(queue.Config{
		Exporter: exporter, Store: o.store, Ledger: o.ledger, Workers: c.Serve.ExportWorkers, Log: a.log,
	})
	if err != nil {
		return nil, err
	}
	tokens, err := token.New(ctx, token.Config{Ledger: o.ledger, Store: o.store, BaseURL: o.baseURL})
	if err != nil {
		return nil, err
	}
	numbers := metrics.New(metrics.Config{Ledger: o.ledger})
	server, err := web.New(web.Config{
		Exporter: exporter, Ledger: o.ledger, Tokens: tokens, Objects: o.store,
		Eraser: eraser{store: o.store, ledger: o.ledger}, Wake: work.Wake,
		Keys: access.New(o.ledger), NoAuth: c.Serve.NoAuth,
		Metrics: numbers.Handler(),
		Observe: func(seen web.Observation) { numbers.Request(seen.Route, seen.Status, seen.Took, seen.Bytes) },
		Ready:   func(ctx context.Context) error { return reachable(ctx, o) },
		Log:     a.log, RatePerMinute: c.Serve.Rate, TalendLimit: c.Serve.TalendLimit,
	})
	if err != nil {
		return nil, err
	}
	return &parts{
		server: server, queue: work, erasing: retain.Config{Store: o.store, Ledger: o.ledger}, log: a.log,
	}, nil
}

// fieldMaps is every field map of the configuration.
func fieldMaps(c *config.Config) []jobfile.Fields {
	var all []jobfile.Fields
	if c.Archive.Fields != nil {
		all = append(all, *c.Archive.Fields)
	}
	for _, s := range c.Archive.Sources {
		if s.Fields != nil && s.Fields != c.Archive.Fields {
			all = append(all, *s.Fields)
		}
	}
	return all
}

// reachable asks ledger and store for something.
func reachable(ctx context.Context, o opened) error {
	if _, err := o.ledger.Exports(ctx, ledger.ExportQuery{Limit: 1}); err != nil {
		return err
	}
	if _, err := o.store.Stat(ctx, layout.Probe); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// run serves, makes exports and sweeps until ctx ends or one of them can't go
// on.
func (p *parts) run(ctx context.Context, l net.Listener) error {
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return p.server.Serve(ctx, l, drainTime) })
	all.Go(func() error { return p.queue.Run(ctx) })
	all.Go(func() error {
		p.finishErasures(ctx)
		return p.sweep(ctx)
	})
	return all.Wait()
}

// finishErasures goes on with deletions that a process didn't live to finish.
func (p *parts) finishErasures(ctx context.Context) {
	why := retain.Why{By: "logstow serve", Reason: "begun before, and not finished", Audit: ledger.AuditEntry{At: time.Now(), Action: "delete", Outcome: "ok"}}
	n, err := retain.ResumeAll(ctx, p.erasing, why)
	switch {
	case err != nil && ctx.Err() == nil:
		p.log.WarnContext(ctx, "some deletions are not finished", "versions", n, "err", err)
	case n > 0:
		p.log.InfoContext(ctx, "unfinished deletions finished", "versions", n)
	}
}

// sweep removes files that nobody can download any more, now and then.
func (p *parts) sweep(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		n, err := p.queue.Sweep(ctx, time.Now())
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			p.log.WarnContext(ctx, "sweep ended early", "files", n, "err", err)
		case n > 0:
			p.log.InfoContext(ctx, "swept", "files", n)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
