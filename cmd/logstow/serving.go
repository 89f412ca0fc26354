package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/cmd/internal/config"
	"logstow/cmd/internal/metrics"
	"logstow/layout"
	"logstow/scheduler"
)

// opened is what a server is built on.
type opened struct {
	store   store.Store
	ledger  *ledger.Ledger
	baseURL string
}

// part is something that a server runs until its context ends.
type part struct {
	name string
	run  func(ctx context.Context) error
}

// daemon is what serve runs in one process.
type daemon struct {
	opened
	app     *app
	config  *config.Config
	numbers *metrics.Metrics
	tally   *tally
	notify  *notifier
	status  *serveStatus

	listener net.Listener // nil: no port is open
	tasks    *scheduler.Scheduler
	watch    *watcher // nil: nothing can be watched
	parts    []part
	started  bool // they run, or did

	mu      sync.Mutex // guards running
	running []string   // the names of parts that haven't ended

	erasing sync.Mutex // held while erasures make segments anew: one does it for all who wait
}

func (a *app) newDaemon(c *config.Config, o opened) *daemon {
	d := &daemon{opened: o, app: a, config: c, tally: newTally(), notify: &notifier{log: a.log}}
	d.status = &serveStatus{tell: d.notify.tell}
	d.numbers = a.newMetrics(c, o.ledger)
	return d
}

// newMetrics returns the numbers of a ledger and of the configured tasks.
func (a *app) newMetrics(c *config.Config, l *ledger.Ledger) *metrics.Metrics {
	numbers := metrics.Config{Ledger: l, Log: a.log}
	for _, s := range c.Schedules {
		numbers.Tasks = append(numbers.Tasks, s.Name)
	}
	return metrics.New(numbers)
}

// lookTime is how often a server looks whether its ledger is still there.
const lookTime = 2 * time.Second

// build makes every part that the configuration asks for. Nothing runs yet.
func (d *daemon) build(ctx context.Context) error {
	on := d.config.Serve.Parts
	if on.API || on.Scheduler {
		d.watch = d.app.newWatcher(d.config, d.opened, d.looked)
	}
	if on.API || on.Workers {
		if err := d.addExports(ctx); err != nil {
			return err
		}
	}
	if on.Scheduler && len(timed(d.config)) > 0 {
		if err := d.addScheduler(ctx); err != nil {
			return err
		}
	}
	if d.watch != nil {
		d.add("watcher", d.watch.run)
	}
	return nil
}

func (d *daemon) add(name string, run func(context.Context) error) {
	d.parts = append(d.parts, part{name, run})
}

// close gives up the port.
func (d *daemon) close() error {
	if d.listener == nil {
		return nil
	}
	if err := d.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// looked takes what isn't safe yet to where it is told.
func (d *daemon) looked(ctx context.Context, found []archive.Backlog) {
	d.numbers.Pending(found)
	d.status.looked(ctx, found)
}

// run runs every part until ctx ends or one of them can't go on. Then it calls
// stopping, and returns when all have ended.
func (d *daemon) run(ctx context.Context, stopping func()) error {
	watched, done := context.WithCancel(context.WithoutCancel(ctx))
	var watchdog sync.WaitGroup
	watchdog.Go(func() { d.notify.watchdog(watched, d.askLedger) })
	defer watchdog.Wait()
	defer done()

	all, inner := errgroup.WithContext(ctx)
	d.mu.Lock()
	for _, p := range d.parts {
		d.running = append(d.running, p.name)
	}
	d.mu.Unlock()
	for _, p := range d.parts {
		all.Go(func() error { return d.runPart(inner, p) })
	}
	all.Go(func() error { return d.watchLedger(inner) })
	all.Go(func() error {
		<-inner.Done()
		stopping()
		d.notify.stopping(ctx, stopTime)
		d.status.stops(ctx)
		return nil
	})
	return all.Wait()
}

func (d *daemon) runPart(ctx context.Context, p part) error {
	err := p.run(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running = slices.DeleteFunc(d.running, func(name string) bool { return name == p.name })
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", p.name, err)
	case ctx.Err() == nil:
		return fmt.Errorf("%s: it ended by itself", p.name)
	}
	return nil
}

// left is the names of parts that haven't ended.
func (d *daemon) left() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.running) == 0 {
		return "the ledger"
	}
	return strings.Join(d.running, ", ")
}

// askLedger asks the ledger for something that costs next to nothing.
func (d *daemon) askLedger(ctx context.Context) error {
	_, err := d.ledger.Lease(ctx, "serve")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// watchLedger returns when ctx ends; with an error where the ledger's file was
// taken away, as then nothing that is done here is on record any more.
func (d *daemon) watchLedger(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookTime):
		}
		if err := d.askLedger(ctx); errors.Is(err, ledger.ErrReplaced) {
			return err
		}
	}
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

// timed is the schedules that have a time: the others run when asked for.
func timed(c *config.Config) []config.Schedule {
	var all []config.Schedule
	for _, s := range c.Schedules {
		if s.Cron != "" {
			all = append(all, s)
		}
	}
	return all
}

// nextIn says when a task is planned next, as seen at the time now.
func nextIn(next, now time.Time) string {
	form := "15:04 MST"
	if next.Second() != 0 {
		form = "15:04:05 MST"
	}
	if next.Format(time.DateOnly) != now.In(next.Location()).Format(time.DateOnly) {
		form = "2006-01-02 " + form
	}
	return next.Format(form)
}
