package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"logstow/archive/ledger"
	"logstow/cmd/internal/config"
	"logstow/cmd/internal/term"
)

type auditOptions struct {
	limit int
	json  bool
}

func (a *app) auditCommand() *cobra.Command {
	var o auditOptions
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "List who exported, deleted, or was refused what, newest first",
		Long: `List who exported, cancelled, revoked or deleted what, who made keys, and who was
refused, newest first. Where no key is named it was the command line, or nobody
who could be told.`,
		Example: `  logstow audit
  logstow audit --limit 0 --json | jq 'select(.action == "delete")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.audit(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage)
	storeFlag(cmd)
	ledgerFlag(cmd)
	limitFlag(cmd, &o.limit)
	cmd.Flags().BoolVar(&o.json, "json", false, "one JSON object a line")
	return cmd
}

// auditJSON is a line of audit --json. It only grows.
type auditJSON struct {
	ID      int64     `json:"id"`
	At      time.Time `json:"at"`
	Key     int64     `json:"key_id"` // 0: the command line, or nobody who could be told
	Remote  string    `json:"remote"` // the address; empty: the command line
	Action  string    `json:"action"`
	User    string    `json:"user_id"`
	Job     string    `json:"job_id"`
	Outcome string    `json:"outcome"` // ok, or why not
	Detail  string    `json:"detail"`
}

func (a *app) audit(ctx context.Context, c *config.Config, o auditOptions) (err error) {
	if err := checkLimit(o.limit); err != nil {
		return err
	}
	l, err := openLedgerForReading(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	entries, err := l.AuditLog(ctx, ledger.AuditQuery{Limit: o.limit})
	if err != nil {
		return err
	}
	out := json.NewEncoder(a.out)
	table := term.NewTable(a.colours(), term.Column{Name: "time"}, term.Column{Name: "action"},
		term.Column{Name: "key", Right: true}, term.Column{Name: "from"}, term.Column{Name: "user"},
		term.Column{Name: "job"}, term.Column{Name: "outcome"}, term.Column{Name: "detail"})
	for _, e := range entries {
		if !o.json {
			table.Row(e.At.Format(time.DateTime), e.Action, keyNumber(e.Key), e.Remote, e.User, e.Job, e.Outcome, shortened(e.Detail, 80))
			continue
		}
		if err := out.Encode(auditJSON{
			ID: e.ID, At: e.At, Key: e.Key, Remote: e.Remote, Action: e.Action,
			User: e.User, Job: e.Job, Outcome: e.Outcome, Detail: e.Detail,
		}); err != nil {
			return err
		}
	}
	return table.Write(a.out)
}
