package main

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/spf13/cobra"

	"logstow/cmd/internal/config"
)

// drainTime is how long requests under way may take after the server was told
// to stop.
const drainTime = 15 * time.Second

// sweepEvery is how often files that nobody can download any more are removed.
const sweepEvery = 5 * time.Minute

func (a *app) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve jobs, logs and downloads over HTTP",
		Long: `Serve jobs, logs and downloads over HTTP: logstow's own API, and the log routes
of Talend, Apify and VirtuousAI for their clients. Exports that are asked for
here or by the command export are made in the background.

Every request needs a key, which logstow key create makes. It is plain HTTP:
where others than this machine reach it, put a proxy with TLS before it.

SIGTERM or SIGINT ends it cleanly: no new requests, those under way finish
within 15 seconds, exports being made are left for the next server.`,
		Example: `  logstow serve --store file:///var/lib/logstow
  logstow serve --store s3://bucket --listen 127.0.0.1:9000 --url https://logs.example.com
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
	settingFlag(flags, "listen", "serve.listen", "`address` and port; port 0 is any that is free (default 127.0.0.1:8333)")
	settingFlag(flags, "url", "serve.url", "`URL` at which clients reach it (default: where it listens)")
	switchSettingFlag(flags, "no-auth", "serve.no_auth", "serve everybody on this machine without a key; loopback only")
	settingFlag(flags, "export-workers", "serve.export_workers", "`number` of exports made at once (default 2)")
	settingFlag(flags, "talend-limit", "serve.talend_limit", "`number` of entries in a file of the Talend API, above which it answers 206 (default: no limit)")
	settingFlag(flags, "rate", "serve.rate", "`number` of requests a minute of one key, or none (default 600)")
	return cmd
}

// serve serves until ctx ends, which is how it is told to stop.
func (a *app) serve(ctx context.Context, c *config.Config) error {
	s, l, err := openForWriting(ctx, c, false)
	if err != nil {
		return err
	}
	err = a.serveOn(ctx, c, opened{store: s, ledger: l})
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil
	}
	return errors.Join(err, l.Close())
}

func (a *app) serveOn(ctx context.Context, c *config.Config, o opened) error {
	listener, err := listen(ctx, c)
	if err != nil {
		return err
	}
	defer listener.Close()
	o.baseURL = baseURL(c, listener)
	parts, err := a.serving(ctx, c, o)
	if err != nil {
		return err
	}
	if err := a.remarks(ctx, c, o.ledger, listener); err != nil {
		return err
	}
	a.say("serving on http://%s", listener.Addr())
	return parts.run(ctx, listener)
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
