package main

import (
	"io"

	"logstow/cmd/internal/term"
)

// redirect passes on to a writer that can be exchanged while nobody writes.
type redirect struct{ w io.Writer }

func (r *redirect) Write(b []byte) (int, error) { return r.w.Write(b) }

// startProgress shows progress on standard error where that is a terminal, and
// keeps the log's lines apart from it until endProgress.
func (a *app) startProgress(what string) *term.Progress {
	p := term.NewProgress(term.ProgressConfig{
		W: a.err, Terminal: a.showsProgress(), What: what,
	})
	a.logTo.w = p
	return p
}

func (a *app) endProgress(p *term.Progress) {
	p.Close()
	a.logTo.w = a.err
}

// showsProgress tells whether somebody sees the progress.
func (a *app) showsProgress() bool { return !a.quiet && term.IsTerminal(a.err) }
