package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

// shownTimes is how many of its next times are shown of a schedule.
const shownTimes = 3

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check or show the configuration",
	}
	group(cmd)
	cmd.AddCommand(a.configCheckCommand(), a.configShowCommand())
	return cmd
}

func (a *app) configCheckCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say every mistake in the configuration, with its line",
		Long: `Say every mistake in the configuration, with its line. Where there is none, say
ok and when each schedule will run next, three times, in its zone; and that no
store is named, which is no mistake as long as a flag or a variable names it.`,
		Example: `  logstow config check
  logstow config check --config ./logstow.yaml
  logstow config check --json | jq -r '[.name, .next[0]] | @tsv'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			plan, err := c.Plan(time.Now(), shownTimes)
			if err != nil {
				return err
			}
			if asJSON {
				return writeLines(a.out, plan)
			}
			if _, err := fmt.Fprintln(a.out, "ok"); err != nil {
				return err
			}
			if c.Store == "" {
				a.say("no store is named: set store, or name one with --store or LOGSTOW_STORE")
			}
			return plan.Write(a.out)
		},
	}
	statuses(cmd, exitOK, exitUsage)
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line for each schedule: name, task, cron, zone, next")
	return cmd
}

// writeLines writes each item as JSON in a line of its own.
func writeLines[T any](w io.Writer, items []T) error {
	out := json.NewEncoder(w)
	for _, item := range items {
		if err := out.Encode(item); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) configShowCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show each setting in force, and where it comes from",
		Example: `  logstow config show
  logstow config show --json | jq -r 'select(.key == "ledger").value'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, origins, err := a.loadFrom(cmd)
			if err != nil {
				return err
			}
			if !asJSON {
				return origins.Write(a.out)
			}
			return writeLines(a.out, origins)
		},
	}
	statuses(cmd, exitOK, exitUsage)
	storeFlag(cmd)
	ledgerFlag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return cmd
}
