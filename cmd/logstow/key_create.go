package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"logstow/cmd/internal/config"
	"logstow/export/access"
)

type keyCreateOptions struct {
	name     string
	user     string
	allUsers bool
	may      []string
	json     bool
}

func (a *app) keyCreateCommand() *cobra.Command {
	var o keyCreateOptions
	cmd := &cobra.Command{
		Use:   "create NAME {--user USER | --all-users}",
		Short: "Make a key of the HTTP API and print it, this once",
		Long: `Make a key of the HTTP API and print it, this once: only its hash is kept. The
name tells it from others. admin needs --all-users.`,
		Example: `  logstow key create grafana --user 1234 --may read
  logstow key create operator --all-users --may read,export,delete,admin > key`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			o.name = args[0]
			return a.keyCreate(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage)
	storeFlag(cmd)
	ledgerFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.user, "user", "", "it sees the jobs of this `user` alone")
	flags.BoolVar(&o.allUsers, "all-users", false, "it sees everybody's jobs")
	flags.StringSliceVar(&o.may, "may", []string{string(access.Read), string(access.Export)}, "what it may `do`: read, export, delete, admin")
	flags.BoolVar(&o.json, "json", false, "print the key and what it may do as one JSON object")
	return cmd
}

// keyJSON is a line of key ls --json. It only grows.
type keyJSON struct {
	ID       int64      `json:"id"`
	Name     string     `json:"name"`
	User     string     `json:"user_id"` // empty: everybody's
	May      []string   `json:"may"`
	State    string     `json:"state"` // valid or revoked
	Created  time.Time  `json:"created_at"`
	LastUsed *time.Time `json:"last_used_at"` // to the minute
	Revoked  *time.Time `json:"revoked_at"`
}

// createdKeyJSON is what key create --json prints. It only grows.
type createdKeyJSON struct {
	Key string `json:"key"`
	keyJSON
}

func (a *app) keyCreate(ctx context.Context, c *config.Config, o keyCreateOptions) (err error) {
	may, err := o.permissions()
	if err != nil {
		return err
	}
	l, err := openLedgerForWriting(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	key, made, err := access.New(l).Create(ctx, o.name, o.user, may)
	if err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(a.out).Encode(createdKeyJSON{Key: key, keyJSON: keyOf(made)})
	}
	if _, err := fmt.Fprintln(a.out, key); err != nil {
		return err
	}
	a.say("key %d may %s; it is not shown again", made.ID, strings.ReplaceAll(made.May, ",", ", "))
	return nil
}

// permissions is what the key may do, after a look at everything else.
func (o keyCreateOptions) permissions() ([]access.Permission, error) {
	if (o.user == "") == !o.allUsers {
		return nil, usagef("say whose jobs it sees: --user USER or --all-users, and not both")
	}
	if err := access.CheckName(o.name); err != nil {
		return nil, usageError{err}
	}
	var may []access.Permission
	for _, name := range o.may {
		p, err := access.ParsePermission(strings.TrimSpace(name))
		if err != nil {
			return nil, usagef("--may: %w", err)
		}
		may = append(may, p)
	}
	if o.user != "" && slices.Contains(may, access.Admin) {
		return nil, usagef("--may: admin is about everybody's exports and the metrics: it needs --all-users")
	}
	if len(may) == 0 {
		return nil, usagef("--may: a key that may do nothing is of no use")
	}
	return may, nil
}
