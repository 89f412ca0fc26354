package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/probe"
	"logstow/cmd/internal/config"
	"logstow/cmd/internal/term"
)

type doctorOptions struct {
	retentionDays int
	json          bool
}

func (a *app) doctorCommand() *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Try everything that is needed of a store",
		Long: `Try everything that is needed of a store with the credentials that are there,
and say of each thing that it is ok or what to do. A small object is written
and removed again.`,
		Example: `  logstow doctor --store 's3://bucket/prefix?region=eu-central-1'
  logstow doctor --retention-days 365 --json | jq -r 'select(.state != "ok").advice'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.doctor(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitInterrupted)
	storeFlag(cmd)
	ledgerFlag(cmd)
	flags := cmd.Flags()
	flags.IntVar(&o.retentionDays, "retention-days", 0, "hold Object Lock against documents being kept so many `days`")
	flags.BoolVar(&o.json, "json", false, "one JSON object a line")
	return cmd
}

func (a *app) doctor(ctx context.Context, c *config.Config, o doctorOptions) error {
	if o.retentionDays < 0 {
		return usagef("--retention-days %d: it can't be negative", o.retentionDays)
	}
	s, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	checks := probe.Doctor(ctx, s, probe.Options{RetentionDays: o.retentionDays})
	if check, ok := checkRetention(ctx, c, s); ok {
		checks = append(checks, check)
	}
	checks = append(checks, checkLedger(ctx, c, s))
	if err := ctx.Err(); err != nil {
		return err
	}
	failed := 0
	for _, check := range checks {
		if err := printCheck(a.out, check, o.json); err != nil {
			return err
		}
		if check.State == probe.Fail {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d checks failed", failed, len(checks))
	}
	return nil
}

// checkLedger tells whether the ledger can be used with the store.
func checkLedger(ctx context.Context, c *config.Config, s store.Store) probe.Check {
	check := probe.Check{Name: "ledger", State: probe.OK, Detail: c.Ledger}
	fresh, err := isFresh(ctx, c)
	if err == nil && fresh {
		check.Detail = c.Ledger + " is new"
		err = refuseFilled(ctx, c, s)
	}
	var usage usageError
	switch {
	case err == nil:
		return check
	case errors.Is(err, ledger.ErrOtherStore):
		check.Advice = "name this store's ledger with --ledger"
	case errors.As(err, &usage):
		check.Advice = "run logstow adopt, or name the store's ledger with --ledger"
	case errors.Is(err, fs.ErrPermission):
		check.Advice = "give this user the right to the file and its folder"
	default:
		check.Advice = "see the message"
	}
	check.State, check.Detail = probe.Fail, err.Error()
	return check
}

// printCheck prints one check, for people or for programs.
func printCheck(w io.Writer, c probe.Check, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(c)
	}
	line := fmt.Sprintf("%-8s%-19s%s\n", c.State, c.Name, term.Printable(c.Detail))
	if c.Advice != "" {
		line += fmt.Sprintf("%-27s%s\n", "", term.Printable(c.Advice))
	}
	_, err := io.WriteString(w, line)
	return err
}
