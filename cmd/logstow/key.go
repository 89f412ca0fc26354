package main

import (
	"github.com/spf13/cobra"
)

func (a *app) keyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Create, list or revoke keys of the HTTP API",
		Long: `Create, list or revoke keys of the HTTP API. A key sees the jobs of one user, or
everybody's, and may do with them what it was given: read (list jobs and read
their logs), export (make files of them), delete, admin (see metrics and
everybody's exports). None of these includes another.`,
	}
	group(cmd)
	cmd.AddCommand(a.keyCreateCommand(), a.keyLsCommand(), a.keyRevokeCommand())
	return cmd
}
