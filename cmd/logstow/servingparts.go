package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/cmd/internal/config"
	"logstow/export"
	"logstow/export/access"
	"logstow/export/queue"
	"logstow/export/token"
	"logstow/export/web"
	"logstow/layout/jobfile"
	"logstow/scheduler"
)

// addExports adds what serves and what makes exports.
func (d *daemon) addExports(ctx context.Context) error {
	exporter, err := export.New(export.Config{Store: d.store, Ledger: d.ledger, Fields: fieldMaps(d.config)})
	if err != nil {
		return err
	}
	wake := func() {} // whoever makes exports looks for them
	if d.config.Serve.Parts.Workers {
		work, err := queue.New(queue.Config{
			Exporter: exporter, Store: d.store, Ledger: d.ledger, Workers: d.config.Serve.ExportWorkers, Log: d.app.log,
		})
		if err != nil {
			return err
		}
		wake = work.Wake
		sweep := &sweeper{queue: work, erasing: retain.Config{Store: d.store, Ledger: d.ledger, Turn: &d.erasing}, log: d.app.log}
		d.add("export workers", work.Run)
		d.add("sweeper", sweep.run)
	}
	if !d.config.Serve.Parts.API {
		return nil
	}
	return d.addAPI(ctx, exporter, wake)
}

// addAPI opens the port and adds what answers there.
func (d *daemon) addAPI(ctx context.Context, exporter *export.Exporter, wake func()) error {
	var err error
	if d.listener, err = listen(ctx, d.config); err != nil {
		return err
	}
	d.baseURL = baseURL(d.config, d.listener)
	tokens, err := token.New(ctx, token.Config{Ledger: d.ledger, Store: d.store, BaseURL: d.baseURL})
	if err != nil {
		return err
	}
	server, err := web.New(web.Config{
		Exporter: exporter, Ledger: d.ledger, Tokens: tokens, Objects: d.store,
		Eraser: eraser{store: d.store, ledger: d.ledger, turn: &d.erasing}, Wake: wake,
		Keys: access.New(d.ledger), NoAuth: d.config.Serve.NoAuth,
		Metrics: d.numbers.Handler(),
		Observe: d.observe,
		Ready:   func(ctx context.Context) error { return reachable(ctx, d.opened) },
		Log:     d.app.log, RatePerMinute: d.config.Serve.Rate, TalendLimit: d.config.Serve.TalendLimit,
	})
	if err != nil {
		return err
	}
	d.add("api", func(ctx context.Context) error { return server.Serve(ctx, d.listener, drainTime) })
	return nil
}

func (d *daemon) observe(seen web.Observation) {
	d.tally.requests.Add(1)
	d.numbers.Request(seen.Route, seen.Status, seen.Took, seen.Bytes)
}

// addScheduler adds what runs the schedules.
func (d *daemon) addScheduler(ctx context.Context) error {
	tasks, err := d.app.newScheduler(workplace{
		config: d.config, store: d.store, ledger: d.ledger,
		done: d.did,
		ended: func(r ledger.Run, failure error) {
			d.numbers.RunEnded(r, failure)
			d.tally.ran(r)
			d.status.ran(ctx, r)
		},
	})
	if err != nil {
		return err
	}
	d.tasks = tasks
	d.add("scheduler", d.schedule)
	return nil
}

// did takes what a task did.
func (d *daemon) did(task string, did report) {
	if archived, ok := did.(archiveReport); ok {
		d.numbers.Archived(task, archived.Summary)
		d.watch.wake()
	}
}

// schedule runs the schedules until ctx ends. That runs were cut then is on
// record with them; what can't be cut is an error.
func (d *daemon) schedule(ctx context.Context) error {
	err := d.tasks.Run(ctx)
	if err == nil || ctx.Err() == nil || errors.Is(err, scheduler.ErrStuck) {
		return err
	}
	d.app.log.WarnContext(ctx, "runs cut", "err", err)
	return nil
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

// schedules says which schedules run, and when they do next: "running 2
// schedules: archive (next 10:15 UTC), sweep (next 11:00 UTC)".
func (d *daemon) schedules(now time.Time) (string, error) {
	all := timed(d.config)
	var named []string
	for _, s := range all[:min(len(all), maxNamed)] {
		next, err := d.tasks.Next(s.Name, now, 1)
		if err != nil {
			return "", err
		}
		when := "never again"
		if len(next) > 0 {
			when = "next " + nextIn(next[0], now)
		}
		named = append(named, fmt.Sprintf("%s (%s)", s.Name, when))
	}
	return fmt.Sprintf("running %s: %s", counted(int64(len(all)), "schedule"), someOf(named, len(all))), nil
}
