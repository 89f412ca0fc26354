package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
)

// drainTime is how long requests under way may take after the server was told
// to stop.
const drainTime = 15 * time.Second

// stopTime is how long a server may take to end after it was told to stop.
const stopTime = 58 * time.Second

func (a *app) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve jobs, logs and downloads over HTTP, and run the schedules",
		Long: `Serve jobs, logs and downloads over HTTP, run the schedules of the
configuration, and make the exports that are asked for here or by the command
export: three parts, api, scheduler and workers, each of which can be left out.

The api is logstow's own and the log routes of Talend, Apify and VirtuousAI for
their clients. Every request needs a key, which logstow key create makes. It is
plain HTTP: where others than this machine reach it, put a proxy with TLS before
it.

SIGTERM or SIGINT ends it cleanly, within a minute: nothing new begins, requests
under way have 15 seconds and running tasks 30 to finish, exports being made are
left for the next server. A second signal kills.`,
		Example: `  logstow serve --store file:///var/lib/logstow
  logstow serve --store s3://bucket --listen 127.0.0.1:9000 --url https://logs.example.com
  logstow serve --parts scheduler,workers
  logstow serve --store file:///tmp/trial --no-auth --listen 127.0.0.1:0`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.serve(cmd.Context(), c)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitUnavailable)
	storeFlag(cmd)
	ledgerFlag(cmd)
	flags := cmd.Flags()
	listSettingFlag(flags, "parts", "serve.parts", "what to run: `parts` api, scheduler, workers (default all)")
	settingFlag(flags, "listen", "serve.listen", "`address` and port; port 0 is any that is free (default 127.0.0.1:8333)")
	settingFlag(flags, "url", "serve.url", "`URL` at which clients reach it (default: where it listens)")
	switchSettingFlag(flags, "no-auth", "serve.no_auth", "serve everybody on this machine without a key; loopback only")
	settingFlag(flags, "export-workers", "serve.export_workers", "`number` of exports made at once (default 2)")
	settingFlag(flags, "talend-limit", "serve.talend_limit", "`number` of entries in a file of the Talend API, above which it answers 206 (default: no limit)")
	settingFlag(flags, "rate", "serve.rate", "`number` of requests a minute of one key, or none (default 600)")
	return cmd
}

// serve serves until ctx ends, which is how it is told to stop, or a part of it
// can't go on. It returns within stopTime after that, whatever hangs.
func (a *app) serve(ctx context.Context, c *config.Config) error {
	if err := worthServing(c); err != nil {
		return err
	}
	o, err := openForServing(ctx, c)
	if err != nil {
		return err
	}
	d := a.newDaemon(c, o)
	stopping, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- d.serve(ctx, stop) }()
	return endOf(ended, stopping.Done(), d.left)
}

// endOf waits for what is to end, and gives it up where that takes longer than
// stopTime once it was told to.
func endOf(ended <-chan error, told <-chan struct{}, left func() string) error {
	select {
	case err := <-ended:
		return err
	case <-told:
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(stopTime):
		return fmt.Errorf("still running %s after it was to stop, and given up: %s", stopTime, left())
	}
}

// worthServing refuses what would do nothing.
func worthServing(c *config.Config) error {
	on := c.Serve.Parts
	if on.Scheduler && !on.API && !on.Workers && len(timed(c)) == 0 {
		return usagef("--parts scheduler: there is no schedule with a time: add one to the configuration under schedules")
	}
	return nil
}

// openForServing opens the store and its ledger. Where a schedule archives, the
// ledger is created as the command archive creates it.
func openForServing(ctx context.Context, c *config.Config) (opened, error) {
	s, err := openStore(ctx, c)
	if err != nil {
		return opened{}, err
	}
	archives := slices.ContainsFunc(timed(c), func(s config.Schedule) bool { return s.Task == "archive" })
	var l *ledger.Ledger
	if c.Serve.Parts.Scheduler && archives {
		l, err = openForArchiving(ctx, c, s, nil, false)
	} else {
		l, err = openLedgerForWriting(ctx, c)
	}
	return opened{store: s, ledger: l}, err
}

// serve serves as a run that is on record, and closes the ledger.
func (d *daemon) serve(ctx context.Context, stop func()) error {
	how := recording{ledger: d.ledger, command: "serve", log: d.app.log}
	did, err := recorded(ctx, how, func(ctx context.Context) (serveSummary, error) {
		err := d.serveParts(ctx, stop)
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			err = nil
		}
		return d.tally.summary(), err
	})
	if d.started {
		d.app.say("%s", did)
	}
	return errors.Join(err, d.ledger.Close())
}

func (d *daemon) serveParts(ctx context.Context, stop func()) (err error) {
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.build(ctx); err != nil {
		return err
	}
	if err := d.introduce(ctx); err != nil {
		return err
	}
	d.started = true
	d.notify.ready(ctx)
	return d.run(ctx, stop)
}

// introduce says what is run here, and what is not.
func (d *daemon) introduce(ctx context.Context) error {
	a, on := d.app, d.config.Serve.Parts
	var runs []string
	if n := int64(len(d.config.Schedules)); n > 0 && !on.Scheduler {
		a.say("%s: none runs here, as the part scheduler is left out", counted(n, "schedule"))
	}
	if d.tasks != nil {
		line, err := d.schedules(time.Now())
		if err != nil {
			return err
		}
		a.say("%s", line)
		runs = append(runs, line)
	}
	switch {
	case on.API && !on.Workers:
		a.say("exports are left to others, as the part workers is left out")
	case on.Workers && !on.API:
		a.say("making exports")
		runs = append(runs, "making exports")
	}
	where := "serving no port, as the part api is left out"
	if on.API {
		if err := a.remarks(ctx, d.config, d.ledger, d.listener); err != nil {
			return err
		}
		where = "serving on http://" + d.listener.Addr().String()
		runs = append([]string{where}, runs...)
	}
	a.say("%s", where) // the last of what is said when it begins
	d.status.serves(ctx, runs)
	return nil
}

// listen opens the port that the configuration names.
func listen(ctx context.Context, c *config.Config) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Serve.Listen)
	if err != nil {
		return nil, err // it names the address
	}
	if c.Serve.NoAuth && !onLoopback(l) { // whatever localhost means here
		return nil, errors.Join(usagef("--no-auth: %s is %s, which is not a loopback address", c.Serve.Listen, l.Addr()), l.Close())
	}
	return l, nil
}

// onLoopback tells whether only this machine reaches a listener.
func onLoopback(l net.Listener) bool {
	addr, ok := l.Addr().(*net.TCPAddr)
	return ok && addr.IP.IsLoopback()
}

// baseURL is the URL at which clients reach a listener.
func baseURL(c *config.Config, l net.Listener) string {
	if c.Serve.URL != "" {
		return c.Serve.URL
	}
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok || addr.IP.IsUnspecified() {
		return "" // nobody can tell from here
	}
	return "http://" + addr.String()
}

// keyLister is the part of a ledger that tells whether anybody has a key.
type keyLister interface {
	Keys(ctx context.Context) ([]ledger.APIKey, error)
}

// remarks says what an operator may have overlooked.
func (a *app) remarks(ctx context.Context, c *config.Config, l keyLister, listener net.Listener) error {
	if !onLoopback(listener) {
		a.say("others reach this address, and it is plain HTTP: put a proxy with TLS before it")
		if c.Serve.URL == "" {
			a.say("--url is not set: name the URL at which clients reach this server")
		}
	}
	if c.Serve.NoAuth {
		a.say("no authentication: everybody on this machine may do everything")
		return nil
	}
	keys, err := l.Keys(ctx)
	if err == nil && len(keys) == 0 {
		a.say("there are no API keys yet, so that nobody can ask: make one with logstow key create")
	}
	return err
}
