package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"logstow/archive"
	"logstow/cmd/internal/config"
)

// lookEvery is how often is looked for what isn't safe yet. lookPause is how
// long not, however often runs end.
const (
	lookEvery = time.Minute
	lookPause = 2 * time.Second
)

// lookLimit bounds each look at each source.
func lookLimit() archive.PendingLimit {
	return archive.PendingLimit{Bytes: 16 << 20, Time: 2 * time.Second}
}

// watcher looks now and then for records that aren't safe yet.
type watcher struct {
	sources []config.Source
	look    func(ctx context.Context, s config.Source) archive.Backlog
	found   func(ctx context.Context, all []archive.Backlog)
	log     *slog.Logger

	again chan struct{}     // one element where it is to look at once
	said  map[string]string // why a source can't be read, as it was logged last
}

// newWatcher returns nil where nothing can be watched.
func (a *app) newWatcher(c *config.Config, o opened, found func(context.Context, []archive.Backlog)) *watcher {
	w := &watcher{found: found, log: a.log, again: make(chan struct{}, 1), said: map[string]string{}}
	for _, s := range c.Archive.Sources {
		if s.Path != "-" {
			w.sources = append(w.sources, s)
		}
	}
	if len(w.sources) == 0 {
		return nil
	}
	w.look = func(ctx context.Context, s config.Source) archive.Backlog { return a.backlog(ctx, c, o, s) }
	return w
}

// wake has it look at once. It does not block, and may be called on nil.
func (w *watcher) wake() {
	if w == nil {
		return
	}
	select {
	case w.again <- struct{}{}:
	default: // it is to look already
	}
}

// run looks until ctx ends.
func (w *watcher) run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		w.lookAtAll(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookPause):
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.again:
		case <-tick.C:
		}
	}
}

func (w *watcher) lookAtAll(ctx context.Context) {
	var all []archive.Backlog
	for _, s := range w.sources {
		if readingTakesAway(s.Path) {
			continue
		}
		b := w.look(ctx, s)
		if ctx.Err() != nil {
			return // what was found is cut short
		}
		all = append(all, b)
		w.say(ctx, s.Path, b.Err)
	}
	w.found(ctx, all)
}

// say logs why a source can't be read, once until that changes.
func (w *watcher) say(ctx context.Context, path string, err error) {
	why := ""
	if err != nil {
		why = err.Error()
	}
	if why != "" && why != w.said[path] {
		w.log.WarnContext(ctx, "source can't be read", "source", path, "err", err)
	}
	w.said[path] = why
}

// readingTakesAway tells whether what is read from a path is gone from it, as
// from a pipe.
func readingTakesAway(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

// backlog looks at one source. Each time anew, as it may have come or gone.
func (a *app) backlog(ctx context.Context, c *config.Config, o opened, s config.Source) archive.Backlog {
	name, err := filepath.Abs(s.Path)
	if err != nil {
		return archive.Backlog{Source: s.Path, Err: err}
	}
	inputs, err := a.inputsOf([]config.Source{s}, archive.NewBudget(memory))
	if err != nil {
		return archive.Backlog{Source: name, Err: err}
	}
	look := a.archiving(c, o.store, o.ledger, true)
	look.Inputs = inputs
	found, err := archive.Pending(ctx, look, lookLimit())
	if len(found) != 1 {
		return archive.Backlog{Source: name, Err: err}
	}
	if err != nil && found[0].Err == nil {
		found[0].Err = err
	}
	return found[0]
}
