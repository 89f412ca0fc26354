package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/cmd/internal/config"
	"logstow/cmd/internal/term"
	"logstow/layout"
)

type holdLsOptions struct {
	all  bool
	json bool
}

func (a *app) holdLsCommand() *cobra.Command {
	var o holdLsOptions
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List holds, and how many documents each is about",
		Long: `List the holds that are active, the oldest first, and how many archived documents
each is about. --all lists those that were released, too.`,
		Example: `  logstow hold ls
  logstow hold ls --all --json | jq 'select(.state == "released")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.holdLs(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitUnavailable)
	storeFlag(cmd)
	ledgerFlag(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&o.all, "all", false, "released ones too")
	flags.BoolVar(&o.json, "json", false, "one JSON object a line")
	return cmd
}

// listedHoldJSON is a line of hold ls --json. It only grows.
type listedHoldJSON struct {
	holdJSON
	Documents int64 `json:"documents"`
}

func (a *app) holdLs(ctx context.Context, c *config.Config, o holdLsOptions) (err error) {
	s, l, err := openForReading(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	holds, err := retain.Holds(ctx, retain.Config{Store: s, Ledger: l})
	if err != nil {
		return err
	}
	out := json.NewEncoder(a.out)
	table := term.NewTable(a.colours(), term.Column{Name: "id"}, term.Column{Name: "placed"}, term.Column{Name: "by"},
		term.Column{Name: "about"}, term.Column{Name: "documents", Right: true}, term.Column{Name: "reason"}, term.Column{Name: "released"})
	for _, h := range holds {
		if !o.all && !h.Released.IsZero() {
			continue
		}
		n, err := l.CountDocuments(ctx, ledger.Within(h.Scope))
		if err != nil {
			return err
		}
		if o.json {
			if err := out.Encode(listedHoldJSON{holdOf(h), n}); err != nil {
				return err
			}
			continue
		}
		released := ""
		if !h.Released.IsZero() {
			released = h.Released.Format(time.DateTime) + " by " + shortened(h.ReleasedBy, 40) + ": " + shortened(h.ReleaseReason, 60)
		}
		table.Row(h.ID, h.Placed.Format(time.DateTime), shortened(h.By, 40), shortened(scopeText(h.Scope), 80), term.Count(n), shortened(h.Reason, 60), released)
	}
	return table.Write(a.out)
}

// scopeText says what a scope is about, as people read it.
func scopeText(s layout.Scope) string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+" "+value)
		}
	}
	add("job", s.Job)
	add("user", s.User)
	add("recipe", s.Recipe)
	add("status", strings.Join(s.Statuses, " or "))
	add("kind", strings.Join(s.Kinds, " or "))
	add("from", moment(s.From))
	add("before", moment(s.To))
	if len(parts) == 0 {
		return "everything"
	}
	return strings.Join(parts, ", ")
}
