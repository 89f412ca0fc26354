package main

import (
	"context"
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
)

func (a *app) tokenRevokeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke {TOKEN | NUMBER | -}",
		Short: "Make a token useless from now on",
		Long: `Make a token useless from now on: itself, the one of a number that token ls
prints, or for - what standard input says. URLs that it was resolved to already
work until their end.`,
		Example: `  logstow token revoke 17
  logstow token revoke - < token`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.tokenRevoke(cmd.Context(), c, args[0])
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitNotFound, exitUnavailable)
	storeFlag(cmd)
	ledgerFlag(cmd)
	return cmd
}

func (a *app) tokenRevoke(ctx context.Context, c *config.Config, arg string) (err error) {
	text, err := a.secretArgument(arg)
	if err != nil {
		return err
	}
	tokens, l, err := openTokens(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if _, err := strconv.ParseUint(text, 10, 63); err == nil {
		text = "#" + text
	}
	return tokens.Revoke(ctx, text, ledger.AuditEntry{})
}
