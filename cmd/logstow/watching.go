package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"logstow/archive"
	"logstow/archive/ledger"
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
	look    func(ctx context.Context, s config.Source) (*archive.Backlog, error) // nil: what is read from it is gone
	found   func(ctx context.Context, all []archive.Backlog)
	log     *slog.Logger

	again chan struct{}     // one element where it is to look at once
	said  map[string]string // what was logged last of each source, and of what ended a look
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
	w.look = func(ctx context.Context, s config.Source) (*archive.Backlog, error) {
		return a.lookAt(ctx, c, o.ledger, s, lookLimit())
	}
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

// lookAtAll looks at every source. What is cut short, by the end of ctx or by a
// ledger that fails, is told to nobody: what was found before stands.
func (w *watcher) lookAtAll(ctx context.Context) {
	var all []archive.Backlog
	var failed error
	for _, s := range w.sources {
		b, err := w.look(ctx, s)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			failed = err
			break
		}
		if b != nil {
			all = append(all, *b)
			w.say(ctx, "source can't be read", s.Path, b.Err)
		}
	}
	if w.say(ctx, "sources not looked at", "", failed); failed == nil {
		w.found(ctx, all)
	}
}

// say logs an error, of a source or of none, once until that changes.
func (w *watcher) say(ctx context.Context, what, path string, err error) {
	why := ""
	if err != nil {
		why = err.Error()
	}
	if why != "" && why != w.said[path] {
		w.log.WarnContext(ctx, what, "source", path, "err", err)
	}
	w.said[path] = why
}

// lookAt looks for what isn't safe in one source, which it opens anew, as it may
// have come or gone: one that isn't there is told of like one that can't be
// read. It is nil where looking would take from the source. The error is the
// ledger's, or that ctx has ended.
func (a *app) lookAt(ctx context.Context, c *config.Config, l *ledger.Ledger, s config.Source, limit archive.PendingLimit) (*archive.Backlog, error) {
	inputs, err := a.inputsOf([]config.Source{s}, archive.NewBudget(memory))
	if err != nil {
		b := missing(s.Path, err)
		return &b, nil
	}
	look := a.archiving(c, nil, l, true)
	look.Inputs = inputs
	found, err := archive.Pending(ctx, look, limit)
	if len(found) == 0 {
		return nil, err
	}
	return &found[0], err
}

// missing is what can be told of a source that can't be opened. It has the name
// that it would give itself.
func missing(path string, err error) archive.Backlog {
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	return archive.Backlog{Source: path, Err: err, Oldest: &archive.Unsafe{
		Source: path, Offset: -1, Reason: archive.NotReadable + ": " + err.Error(),
	}}
}
