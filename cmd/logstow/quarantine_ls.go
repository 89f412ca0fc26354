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

type quarantineLsOptions struct {
	all  bool
	json bool
}

func (a *app) quarantineLsCommand() *cobra.Command {
	var o quarantineLsOptions
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List quarantined records, with the reason",
		Example: `  logstow quarantine ls
  logstow quarantine ls --json | jq -r .reason`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.quarantineLs(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage)
	storeFlag(cmd)
	ledgerFlag(cmd)
	cmd.Flags().BoolVar(&o.all, "all", false, "also those that were archived since or dropped")
	cmd.Flags().BoolVar(&o.json, "json", false, "one JSON object a line")
	return cmd
}

// quarantinedJSON is a line of quarantine ls --json. It only grows.
type quarantinedJSON struct {
	ID     int64     `json:"id"`
	State  string    `json:"state"` // open, retried, dropping or dropped
	Source string    `json:"source"`
	Part   string    `json:"part"`   // the file
	Offset int64     `json:"offset"` // of its first byte in the file, decompressed
	Size   int64     `json:"size"`
	SHA256 string    `json:"sha256"` // of the raw bytes
	Key    string    `json:"key"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

func (a *app) quarantineLs(ctx context.Context, c *config.Config, o quarantineLsOptions) (err error) {
	l, err := openLedgerForReading(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	query := ledger.QuarantineQuery{States: []ledger.QuarantineState{ledger.StillOpen, ledger.Dropping}}
	if o.all {
		query.States = nil
	}
	out := json.NewEncoder(a.out)
	table := term.NewTable(a.colours(), term.Column{Name: "id", Right: true}, term.Column{Name: "since"},
		term.Column{Name: "state"}, term.Column{Name: "size", Right: true}, term.Column{Name: "where"}, term.Column{Name: "reason"})
	for q, err := range l.Quarantine(ctx, query) {
		if err != nil {
			return err
		}
		if !o.json {
			table.Row(fmt.Sprint(q.ID), q.At.Format(time.DateTime), string(q.State), term.Size(q.Size),
				fmt.Sprintf("%s at byte %d", q.Part, q.Offset), q.Reason)
			continue
		}
		if err := out.Encode(quarantinedJSON{
			ID: q.ID, State: string(q.State), Source: q.Source, Part: q.Part, Offset: q.Offset,
			Size: q.Size, SHA256: q.SHA256.String(), Key: q.Key, Reason: q.Reason, At: q.At,
		}); err != nil {
			return err
		}
	}
	return table.Write(a.out)
}
