package main

import (
	"io"
	"sync"

	"logstow/cmd/internal/term"
)

// redirect passes on to a writer that can be exchanged.
type redirect struct {
	mu sync.Mutex
	w  io.Writer // guarded by mu
}

func (r *redirect) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.w.Write(b)
}

// to exchanges the writer.
func (r *redirect) to(w io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.w = w
}

// startProgress shows progress on standard error where that is a terminal, and
// keeps the log's lines apart from it until endProgress.
func (a *app) startProgress(what string) *term.Progress {
	p := term.NewProgress(term.ProgressConfig{
		W: a.err, Terminal: a.showsProgress(), What: what,
	})
	a.logTo.to(p)
	return p
}

func (a *app) endProgress(p *term.Progress) {
	p.Close()
	a.logTo.to(a.err)
}

// showsProgress tells whether somebody sees the progress.
func (a *app) showsProgress() bool { return !a.quiet && term.IsTerminal(a.err) }
