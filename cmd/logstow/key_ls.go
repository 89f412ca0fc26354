package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
	"logstow/cmd/internal/term"
)

func (a *app) keyLsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the keys of the HTTP API",
		Long:  `List the keys of the HTTP API by their numbers: the keys themselves are not kept.`,
		Example: `  logstow key ls
  logstow key ls --json | jq -r 'select(.state == "valid").name'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.keyLs(cmd.Context(), c, asJSON)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage)
	storeFlag(cmd)
	ledgerFlag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return cmd
}

func (a *app) keyLs(ctx context.Context, c *config.Config, asJSON bool) (err error) {
	l, err := openLedgerForReading(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	keys, err := l.Keys(ctx)
	if err != nil {
		return err
	}
	out := json.NewEncoder(a.out)
	table := term.NewTable(a.colours(), term.Column{Name: "number", Right: true}, term.Column{Name: "name"},
		term.Column{Name: "user"}, term.Column{Name: "may"}, term.Column{Name: "state"},
		term.Column{Name: "created"}, term.Column{Name: "last used"})
	for _, k := range keys {
		if asJSON {
			if err := out.Encode(keyOf(k)); err != nil {
				return err
			}
			continue
		}
		user, used := k.User, ""
		if user == "" {
			user = "(all)"
		}
		if !k.LastUsed.IsZero() {
			used = k.LastUsed.Format("2006-01-02 15:04")
		}
		table.Row(fmt.Sprint(k.ID), k.Name, user, k.May, keyState(k), k.Created.Format(time.DateTime), used)
	}
	return table.Write(a.out)
}

func keyOf(k ledger.APIKey) keyJSON {
	return keyJSON{
		ID: k.ID, Name: k.Name, User: k.User, May: strings.Split(k.May, ","), State: keyState(k),
		Created: k.Created, LastUsed: instant(k.LastUsed), Revoked: instant(k.Revoked),
	}
}

// keyState is what has become of a key.
func keyState(k ledger.APIKey) string {
	if !k.Revoked.IsZero() {
		return "revoked"
	}
	return "valid"
}
