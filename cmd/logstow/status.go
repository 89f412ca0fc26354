package main

import (
	"context"
	"encoding/json"
	"errors"
	"math"

	"github.com/spf13/cobra"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
)

type statusOptions struct {
	sources []string // instead of the configuration's, where there are any
	deep    bool
	json    bool
	metrics bool
}

func (a *app) statusCommand() *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status [SOURCE…]",
		Short: "Tell what is safe, what isn't yet and why, and how the tasks are",
		Long: `Tell how much is safe in the store, which finished job is the oldest that isn't
yet, and why, and of each task when it last ran, how that ended, who is running
it and when it comes next. The store is not asked: what the ledger says of it
counts.

What isn't safe yet is looked for in the sources of the configuration, or in
those that are named here as for archive: what stands behind where they were
read to. Of each source 64 MB are read, for 5 seconds at most; with --deep all of
it. Nothing is changed by looking. Times are UTC.

With --metrics the same numbers are printed for Prometheus: for the textfile
collector of its node_exporter, where no logstow serve can be asked.`,
		Example: `  logstow status
  logstow status --json | jq -r .oldest_unsafe.why
  logstow status /srv/logs --store file:///var/lib/logstow-store
  logstow status --metrics > /var/lib/node_exporter/logstow.prom.new &&
      mv /var/lib/node_exporter/logstow.prom.new /var/lib/node_exporter/logstow.prom`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			o.sources = args
			return a.status(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitInterrupted)
	storeFlag(cmd)
	ledgerFlag(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&o.deep, "deep", false, "look at all that is unread, however long it takes")
	flags.BoolVar(&o.json, "json", false, "print it as one JSON object")
	flags.BoolVar(&o.metrics, "metrics", false, "print numbers in Prometheus' text format")
	return cmd
}

func (a *app) status(ctx context.Context, c *config.Config, o statusOptions) (err error) {
	if o.json && o.metrics {
		return usagef("--json or --metrics, not both")
	}
	limitHeap(0)
	l, err := openLedgerIfThere(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLedger(l)) }()
	found, err := a.lookInto(ctx, c, l, o)
	if err != nil {
		return err
	}
	if o.metrics {
		return a.printMetrics(ctx, c, l, found.all)
	}
	k, err := gather(ctx, c, l, found)
	if err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(a.out).Encode(k.json())
	}
	return k.print(a)
}

// openLedgerIfThere opens the ledger that the configuration names for reading,
// as openLedgerForReading does. Where there is none yet it is nil.
func openLedgerIfThere(ctx context.Context, c *config.Config) (*ledger.Ledger, error) {
	if c.Ledger == "" {
		return nil, usagef("no ledger: name it with --ledger, or the store it belongs to with --store")
	}
	l, err := openForDryRun(ctx, c, limitHeap)
	if l == nil || c.Store == "" {
		return l, err
	}
	if _, err := l.Bind(ctx, storeName(c.Store)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// lookout is what was found in the sources.
type lookout struct {
	all  []archive.Backlog
	left []string // sources that nobody can look at without taking from them
}

// lookInto looks for what isn't safe in each source. One that isn't there is
// told of like one that can't be read.
func (a *app) lookInto(ctx context.Context, c *config.Config, l *ledger.Ledger, o statusOptions) (lookout, error) {
	limit := archive.PendingLimit{}
	if o.deep {
		limit = archive.PendingLimit{Bytes: math.MaxInt64, Time: math.MaxInt64}
	}
	var found lookout
	for _, s := range sourcesOf(c, o.sources) {
		b, err := a.lookAt(ctx, c, l, s, limit)
		switch {
		case err != nil:
			return found, err
		case b == nil:
			found.left = append(found.left, s.Path)
		default:
			found.all = append(found.all, *b)
		}
	}
	return found, nil
}

// printMetrics prints numbers for Prometheus.
func (a *app) printMetrics(ctx context.Context, c *config.Config, l *ledger.Ledger, found []archive.Backlog) error {
	if l == nil {
		return usagef("%s: no ledger there yet, so there are no numbers", c.Ledger)
	}
	m := a.newMetrics(c, l)
	m.Pending(found)
	return m.Write(ctx, a.out)
}
