package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
)

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
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say every mistake in the configuration, with its line",
		Example: `  logstow config check
  logstow config check --config ./logstow.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := a.load(cmd); err != nil {
				return err
			}
			_, err := fmt.Fprintln(a.out, "ok")
			return err
		},
	}
	statuses(cmd, exitOK, exitUsage)
	return cmd
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
			out := json.NewEncoder(a.out)
			for _, o := range origins {
				if err := out.Encode(o); err != nil {
					return err
				}
			}
			return nil
		},
	}
	statuses(cmd, exitOK, exitUsage)
	storeFlag(cmd)
	ledgerFlag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return cmd
}
