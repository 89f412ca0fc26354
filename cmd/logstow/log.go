package main

import (
	"context"
	"io"
	"log/slog"
	"slices"

	"logstow/cmd/internal/config"
)

// newLog returns a log that writes to w what the configuration asks for.
// Every line that is logged with the context of a run says which run it is.
func newLog(w io.Writer, c config.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.Level}
	if c.Format == "json" {
		return slog.New(newRunHandler(slog.NewJSONHandler(w, options)))
	}
	return slog.New(newRunHandler(slog.NewTextHandler(w, options)))
}

// runKey is the key of a run's id in a context.
type runKey struct{}

// withRun returns a context for what the run of that id does and logs. A run
// that isn't recorded has the id 0, of which nothing is logged.
func withRun(ctx context.Context, id int64) context.Context {
	return context.WithValue(ctx, runKey{}, id)
}

// runHandler puts the run that a context is of before everything else that a
// line of the log says, whatever groups it is in.
type runHandler struct {
	slog.Handler              // with all that was added to it
	base         slog.Handler // with nothing
	added        []func(slog.Handler) slog.Handler
}

func newRunHandler(base slog.Handler) runHandler { return runHandler{Handler: base, base: base} }

// Handle implements slog.Handler.
func (h runHandler) Handle(ctx context.Context, r slog.Record) error {
	id, ok := ctx.Value(runKey{}).(int64)
	if !ok || id == 0 {
		return h.Handler.Handle(ctx, r)
	}
	to := h.base.WithAttrs([]slog.Attr{slog.Int64("run", id)})
	for _, add := range h.added {
		to = add(to)
	}
	return to.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h runHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func(to slog.Handler) slog.Handler { return to.WithAttrs(attrs) })
}

// WithGroup implements slog.Handler.
func (h runHandler) WithGroup(name string) slog.Handler {
	return h.with(func(to slog.Handler) slog.Handler { return to.WithGroup(name) })
}

func (h runHandler) with(add func(slog.Handler) slog.Handler) runHandler {
	return runHandler{Handler: add(h.Handler), base: h.base, added: append(slices.Clone(h.added), add)}
}

// watchedLog is the log of a scheduler for people who are told by the command
// itself how a run has ended: that is no warning then.
func watchedLog(log *slog.Logger) *slog.Logger { return slog.New(endHandler{log.Handler()}) }

type endHandler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h endHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "run ended" {
		r.Level = min(r.Level, slog.LevelInfo)
	}
	if !h.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}
