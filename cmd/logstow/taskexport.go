package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
	"logstow/cmd/internal/term"
	"logstow/export"
	"logstow/layout/jobfile"
)

// exportReport is what the task export did.
type exportReport struct {
	File   string    `json:"file"`
	From   time.Time `json:"from"` // from <= a job's time < to
	To     time.Time `json:"to"`
	Jobs   int64     `json:"jobs"`
	Lines  int64     `json:"lines"` // in the formats text and json; elsewhere 0
	Bytes  int64     `json:"bytes"`
	SHA256 string    `json:"sha256"`
}

func (r exportReport) print(w io.Writer) error {
	lines := summaryLines{w: w}
	lines.text("exported", counted(r.Jobs, "job")+", "+term.Size(r.Bytes))
	lines.text("of", r.From.Format(time.RFC3339)+" to "+r.To.Format(time.RFC3339))
	lines.text("file", term.Printable(r.File))
	return lines.print()
}

// exportTask writes the jobs of the last whole period before the planned time,
// or before now where none is planned, to a file in a folder.
func (a *app) exportTask(w workplace, s config.Schedule) (taskFunc, error) {
	zone, err := time.LoadLocation(s.Zone) // UTC where it is empty
	if err != nil {
		return nil, fmt.Errorf("zone %q: %w", s.Zone, err)
	}
	last := func(at time.Time) (standingFile, error) { return newStanding(s, at.In(zone)) }
	if _, err := last(time.Now()); err != nil {
		return nil, err // rather now than at every run
	}
	return func(ctx context.Context, r ledger.Run) (report, error) {
		at := r.Planned
		if at.IsZero() {
			at = r.Started
		}
		e, err := last(at)
		if err != nil {
			return nil, err
		}
		return a.exportStanding(ctx, w, e)
	}, nil
}

// standingFile is one file of a standing export.
type standingFile struct {
	request  export.Request
	period   period
	schedule string
	folder   string
	name     string // of the file, in folder
}

// newStanding is the file that a schedule makes at a time.
func newStanding(s config.Schedule, at time.Time) (standingFile, error) {
	p, err := lastPeriod(s.Export.Period, at)
	if err != nil {
		return standingFile{}, err
	}
	r, err := standingRequest(s.Export, p)
	if err != nil {
		return standingFile{}, err
	}
	extension := filepath.Ext(r.Filename(nil, at))
	return standingFile{
		request: r, period: p, schedule: s.Name, folder: s.Export.Folder,
		name: s.Name + "-" + p.label + extension,
	}, nil
}

// standingRequest is what a standing export selects of a period.
func standingRequest(e *config.StandingExport, p period) (export.Request, error) {
	r := export.Request{User: e.User, Recipes: e.Recipes, Statuses: e.Statuses, From: p.from.UTC(), To: p.to.UTC()}
	var err error
	if r.Format, err = export.ParseFormat(e.Format); err != nil {
		return r, err
	}
	if e.Level != "" {
		if r.Level, err = jobfile.ParseLevel(e.Level); err != nil {
			return r, err
		}
	}
	for _, name := range e.Kinds {
		kind, err := jobfile.ParseKind(name)
		if err != nil {
			return r, err
		}
		r.Kinds = append(r.Kinds, kind)
	}
	return r, r.Validate()
}

// exportStanding makes a file, in place of an earlier one of its name.
func (a *app) exportStanding(ctx context.Context, w workplace, s standingFile) (_ report, err error) {
	// What is above it must be there: it may lie on a disk that isn't mounted.
	if err := os.Mkdir(s.folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("folder of exports: %w", err)
	}
	if err := removeParts(ctx, w.ledger, s); err != nil {
		return nil, err
	}
	// Whoever has lost the task's lease leaves the file to who has it since.
	file, err := openTarget(target{path: filepath.Join(s.folder, s.name), force: true, may: w.ledger.CheckFence})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.discard()) }()
	x, err := a.newExporting(ctx, w.config, w.store, w.ledger)
	if err != nil {
		return nil, err
	}
	e, err := a.exportInto(ctx, w, x, delivery{request: s.request, target: file})
	if err != nil {
		return nil, err
	}
	x.sweep(ctx, a.log)
	d := delivery{request: s.request, export: e}
	lines, _ := d.lines()
	if e.Jobs == 0 && w.watched {
		a.say("nothing matches")
	}
	return exportReport{
		File: file.path, From: s.period.from, To: s.period.to,
		Jobs: e.Jobs, Lines: lines, Bytes: e.Size, SHA256: e.SHA256.String(),
	}, nil
}

// exportInto makes what d requests and downloads it. Nobody is told the token,
// so that the export ends with it.
func (a *app) exportInto(ctx context.Context, w workplace, x *exporting, d delivery) (e ledger.Export, err error) {
	wanted, total, err := x.prepare(ctx, d.request)
	if err != nil {
		return e, err
	}
	_, made, err := x.tokens.Create(ctx, wanted, ledger.AuditEntry{})
	if err != nil {
		return e, err
	}
	defer func() { err = errors.Join(err, x.cancel(ctx, made)) }()
	if w.watched {
		e, err = a.work(ctx, x, made.ID, total)
	} else {
		e, err = x.work(ctx, made.ID, func(ledger.Export) {})
	}
	if err != nil {
		return e, err
	}
	return e, d.target.fill(ctx, x.store, e)
}
