package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/cmd/internal/config"
	"logstow/cmd/internal/term"
	"logstow/export"
	"logstow/export/queue"
	"logstow/export/token"
)

// reissueAfter is how old a token may be when its file is ready and still count
// as one of a full hour.
const reissueAfter = time.Minute

// exporting is the parts that one export is made with.
type exporting struct {
	store    store.Store
	ledger   *ledger.Ledger
	exporter *export.Exporter
	tokens   *token.Tokens
	queue    *queue.Queue
}

// exportedJSON is what export --json prints. It only grows.
type exportedJSON struct {
	Token   string    `json:"token"`
	Size    int64     `json:"size"` // lines in the formats text and json, jobs in the others
	Expires time.Time `json:"expires_at"`
}

func (a *app) export(ctx context.Context, c *config.Config, o exportOptions) (err error) {
	request, err := o.request()
	if err != nil {
		return err
	}
	file, err := newTarget(a.out, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.discard()) }()
	s, l, err := openForWriting(ctx, c, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	x, err := a.newExporting(ctx, c, s, l)
	if err != nil {
		return err
	}
	return a.exportTo(ctx, x, delivery{request: request, target: file, json: o.json})
}

// exportTo makes what d requests and delivers it. Where that fails nobody has
// the token, and the export is cancelled.
func (a *app) exportTo(ctx context.Context, x *exporting, d delivery) (err error) {
	wanted, total, err := x.prepare(ctx, d.request)
	if err != nil {
		return err
	}
	text, made, err := x.tokens.Create(ctx, wanted, ledger.AuditEntry{})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, x.cancel(ctx, made))
		}
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", errExportCancelled, err)
		}
	}()
	d.token = text
	if d.export, err = a.work(ctx, x, made.ID, total); err != nil {
		return err
	}
	return a.deliver(ctx, x, d)
}

func (a *app) newExporting(ctx context.Context, c *config.Config, s store.Store, l *ledger.Ledger) (*exporting, error) {
	exporter, err := export.New(export.Config{Store: s, Ledger: l, Fields: fieldMaps(c)})
	if err != nil {
		return nil, err
	}
	work, err := queue.New(queue.Config{Exporter: exporter, Store: s, Ledger: l, Log: a.log})
	if err != nil {
		return nil, err
	}
	tokens, err := token.New(ctx, token.Config{Ledger: l, Store: s, BaseURL: c.Serve.URL})
	if err != nil {
		return nil, err
	}
	return &exporting{store: s, ledger: l, exporter: exporter, tokens: tokens, queue: work}, nil
}

// prepare is the export that a request asks for, and how many documents it
// selects. A job that is named must be there.
func (x *exporting) prepare(ctx context.Context, r export.Request) (ledger.Export, int64, error) {
	total, _, err := x.exporter.Selected(ctx, r)
	if err != nil {
		return ledger.Export{}, 0, err
	}
	e := ledger.Export{User: r.User}
	var of *export.Job
	if len(r.Jobs) == 1 {
		want := export.Wanted{ID: r.Jobs[0], User: r.User, Recipe: r.Recipe}
		job, err := x.exporter.Find(ctx, want)
		if err != nil {
			return ledger.Export{}, 0, err
		}
		of, e.User, e.Job = &job, job.User, job.ID
		r.User, r.Recipe = job.User, job.Recipe // another of this id may arrive meanwhile
	}
	e.Filename = r.Filename(of, time.Now().UTC())
	if e.Request, err = json.Marshal(r); err != nil {
		return ledger.Export{}, 0, err
	}
	return e, total, nil
}

// work makes the file, or waits for whoever makes it, and shows how far it is.
func (a *app) work(ctx context.Context, x *exporting, id string, total int64) (ledger.Export, error) {
	p := a.startProgress("of " + term.Count(total) + " jobs")
	defer a.endProgress(p)
	return x.work(ctx, id, func(e ledger.Export) {
		p.Update(term.State{Count: e.Jobs, Bytes: e.Bytes})
	})
}

// work makes the file, or waits for whoever makes it, and calls told with how
// far it is.
func (x *exporting) work(ctx context.Context, id string, told func(ledger.Export)) (ledger.Export, error) {
	done, err := x.queue.Work(ctx, id, told)
	switch {
	case ctx.Err() != nil:
		return done, ctx.Err()
	case err != nil:
		return done, err
	case done.State == ledger.ExportReady:
		return done, nil
	case done.Error != "":
		return done, fmt.Errorf("export %s: %s", id, done.Error)
	default:
		return done, fmt.Errorf("export %s was ended by another: it is %s", id, done.State)
	}
}

// cancel ends an export that nobody is going to download, also when ctx has
// ended.
func (x *exporting) cancel(ctx context.Context, e ledger.Export) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer stop()
	return x.ledger.CancelExport(ctx, e.ID, ledger.AuditEntry{
		At: time.Now(), Action: "cancel", User: e.User, Job: e.Job, Outcome: "ok", Detail: "export " + e.ID,
	})
}

// delivery is what an export is asked for, what is to become of it, and once
// it is ready the export itself.
type delivery struct {
	request export.Request
	target  target
	json    bool

	token  string
	export ledger.Export
}

// deliver downloads the file where that is asked for, prints the token where
// that is, and then removes files that nobody can download any more.
func (a *app) deliver(ctx context.Context, x *exporting, d delivery) error {
	if d.export.Jobs == 0 {
		a.say("nothing matches")
	}
	if d.target.wanted() {
		if err := d.target.fill(ctx, x.store, d.export); err != nil {
			return err
		}
		if d.target.path != "" {
			a.say("%s: %s, %s", d.target.path, d.size(), term.Size(d.export.Size))
		}
	}
	if d.json || !d.target.wanted() {
		if err := a.printToken(ctx, x, d); err != nil {
			return err
		}
	}
	x.sweep(ctx, a.log)
	return nil
}

// sweep removes files that nobody can download any more.
func (x *exporting) sweep(ctx context.Context, log *slog.Logger) {
	if _, err := x.queue.Sweep(ctx, time.Now()); err != nil && ctx.Err() == nil {
		log.WarnContext(ctx, "sweep ended early", "err", err)
	}
}

// size is how much the file holds, for people.
func (d delivery) size() string {
	if lines, ok := d.lines(); ok {
		return counted(lines, "line")
	}
	return counted(d.export.Jobs, "job")
}

func counted(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return term.Count(n) + " " + what
}

// lines is how many lines the file has, where its format has any.
func (d delivery) lines() (int64, bool) {
	return d.export.Lines, d.request.Format == export.Text || d.request.Format == export.JSON
}

// printToken prints a token that is good for an hour from now.
func (a *app) printToken(ctx context.Context, x *exporting, d delivery) error {
	text, expires := d.token, d.export.Expires
	if time.Since(d.export.Created) > reissueAfter {
		var err error
		if text, expires, err = x.tokens.Another(ctx, d.export); err != nil {
			return err
		}
	}
	if !d.json {
		_, err := fmt.Fprintln(a.out, text)
		if err == nil {
			a.say("%s, %s, until %s", d.size(), term.Size(d.export.Size), expires.UTC().Format(time.RFC3339))
		}
		return err
	}
	size, ok := d.lines()
	if !ok {
		size = d.export.Jobs
	}
	return json.NewEncoder(a.out).Encode(exportedJSON{Token: text, Size: size, Expires: expires.UTC()})
}
