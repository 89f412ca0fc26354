package main

import (
	"github.com/spf13/cobra"
)

func (a *app) quarantineCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quarantine",
		Short: "List, show, retry or drop records that could not be archived",
		Long: `A record that can't be archived, because it isn't JSON, say, or doesn't say
whose it is, is kept in the store byte for byte, together with the reason.`,
	}
	group(cmd)
	cmd.AddCommand(
		a.quarantineLsCommand(), a.quarantineShowCommand(),
		a.quarantineRetryCommand(), a.quarantineDropCommand(),
	)
	return cmd
}
