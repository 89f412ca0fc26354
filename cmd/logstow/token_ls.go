package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
	"logstow/cmd/internal/term"
)

type tokenLsOptions struct {
	limit int
	json  bool
}

func (a *app) tokenLsCommand() *cobra.Command {
	var o tokenLsOptions
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List download tokens, newest first",
		Long: `List download tokens, newest first, by their numbers: the tokens themselves are
not kept.`,
		Example: `  logstow token ls
  logstow token ls --limit 0 --json | jq 'select(.state == "valid")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.tokenLs(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage)
	storeFlag(cmd)
	ledgerFlag(cmd)
	limitFlag(cmd, &o.limit)
	cmd.Flags().BoolVar(&o.json, "json", false, "one JSON object a line")
	return cmd
}

// tokenJSON is a line of token ls --json. It only grows.
type tokenJSON struct {
	ID          int64      `json:"id"`
	State       string     `json:"state"`  // valid, expired or revoked
	Key         int64      `json:"key_id"` // 0: the command line
	Created     time.Time  `json:"created_at"`
	Expires     time.Time  `json:"expires_at"`
	Revoked     *time.Time `json:"revoked_at"`
	Export      string     `json:"export_id"`
	ExportState string     `json:"export_state"` // created, running, ready, failed, cancelled, sweeping or swept
	User        string     `json:"user_id"`      // empty: everybody's
	Job         string     `json:"job_id"`       // empty: a query
	Filename    string     `json:"filename"`
}

func (a *app) tokenLs(ctx context.Context, c *config.Config, o tokenLsOptions) (err error) {
	if err := checkLimit(o.limit); err != nil {
		return err
	}
	l, err := openLedgerForReading(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	tokens, err := l.Tokens(ctx, ledger.ExportQuery{Limit: o.limit})
	if err != nil {
		return err
	}
	out, now := json.NewEncoder(a.out), time.Now()
	table := term.NewTable(a.colours(), term.Column{Name: "number", Right: true}, term.Column{Name: "created"},
		term.Column{Name: "expires"}, term.Column{Name: "state"}, term.Column{Name: "key", Right: true},
		term.Column{Name: "export"}, term.Column{Name: "user"}, term.Column{Name: "job"}, term.Column{Name: "file"})
	for _, t := range tokens {
		e, err := l.Export(ctx, t.Export)
		if err != nil {
			return err
		}
		if !o.json {
			table.Row(fmt.Sprintf("#%d", t.ID), t.Created.Format(time.DateTime), t.Expires.Format(time.DateTime),
				tokenState(t, now), keyNumber(t.Key), string(e.State), e.User, e.Job, e.Filename)
			continue
		}
		if err := out.Encode(tokenOf(t, e, now)); err != nil {
			return err
		}
	}
	return table.Write(a.out)
}

func tokenOf(t ledger.Token, e ledger.Export, now time.Time) tokenJSON {
	return tokenJSON{
		ID: t.ID, State: tokenState(t, now), Key: t.Key, Created: t.Created, Expires: t.Expires, Revoked: instant(t.Revoked),
		Export: e.ID, ExportState: string(e.State), User: e.User, Job: e.Job, Filename: e.Filename,
	}
}

// tokenState is what has become of a token.
func tokenState(t ledger.Token, now time.Time) string {
	switch {
	case !t.Revoked.IsZero():
		return "revoked"
	case !now.Before(t.Expires):
		return "expired"
	default:
		return "valid"
	}
}

// instant is nil for the zero time.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// keyNumber is the number of a key; empty for the command line.
func keyNumber(id int64) string {
	if id == 0 {
		return ""
	}
	return fmt.Sprint(id)
}
