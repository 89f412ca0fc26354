package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
	"logstow/export"
)

func (a *app) keyRevokeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke NUMBER",
		Short: "Make a key, and its download tokens, useless from now on",
		Long: `Make a key of the HTTP API, and the download tokens that it got, useless from now
on. URLs that those were resolved to already work until their end.`,
		Example: "  logstow key revoke 3",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil || id < 1 {
				return usagef("%.40q is not the number of a key: see logstow key ls", args[0])
			}
			return a.keyRevoke(cmd.Context(), c, id)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitNotFound)
	storeFlag(cmd)
	ledgerFlag(cmd)
	return cmd
}

func (a *app) keyRevoke(ctx context.Context, c *config.Config, id int64) (err error) {
	l, err := openLedgerForWriting(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	now := time.Now()
	err = l.RevokeKey(ctx, id, now, ledger.AuditEntry{
		At: now, Action: "key revoke", Outcome: "ok", Detail: fmt.Sprintf("key %d", id),
	})
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("key %d: %w", id, export.ErrNotFound)
	}
	return err
}
