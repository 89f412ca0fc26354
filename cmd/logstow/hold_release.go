package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/cmd/internal/config"
	"logstow/export"
)

type holdReleaseOptions struct {
	id     string
	reason string
	by     string
	json   bool
}

func (a *app) holdReleaseCommand() *cobra.Command {
	var o holdReleaseOptions
	cmd := &cobra.Command{
		Use:   "release ID --reason REASON",
		Short: "Release a hold",
		Long: `Release a hold, by its id or the beginning of it, and take the bucket's legal hold
off what no other hold is about. What it had kept from expiring, being erased or
packed is removed or packed by the next run of retain or compact.`,
		Example: `  logstow hold release 9f86d081 --reason 'case 2026-17 is closed'`,
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			o.id = args[0]
			return a.holdRelease(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitNotFound, exitUnavailable, exitInterrupted)
	storeFlag(cmd)
	ledgerFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.reason, "reason", "", "`why`, to be kept on record")
	byFlag(flags, &o.by)
	flags.BoolVar(&o.json, "json", false, "print the hold as one JSON object")
	return cmd
}

func (a *app) holdRelease(ctx context.Context, c *config.Config, o holdReleaseOptions) (err error) {
	if strings.TrimSpace(o.reason) == "" {
		return usagef("say why with --reason: it is kept on record")
	}
	s, l, err := openForWriting(ctx, c, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	how := recording{ledger: l, command: "hold release", log: a.log}
	did, err := recorded(ctx, how, func(ctx context.Context) (holdJSON, error) {
		h, err := retain.Release(ctx, retain.Config{Store: s, Ledger: l}, o.id, whoever(o.by), o.reason)
		if errors.Is(err, fs.ErrNotExist) && h.ID == "" {
			return holdJSON{}, fmt.Errorf("hold %s: %w: logstow hold ls --all lists them", o.id, export.ErrNotFound)
		}
		if h.ID == "" || h.Released.IsZero() {
			return holdJSON{}, err
		}
		return holdOf(h), errors.Join(err, l.Audit(context.WithoutCancel(ctx), ledger.AuditEntry{
			At: time.Now(), Action: "hold release", User: h.Scope.User, Job: h.Scope.Job, Outcome: "ok",
			Detail: h.ID + " by " + h.ReleasedBy + ": " + h.ReleaseReason,
		}))
	})
	if err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(a.out).Encode(did)
	}
	a.say("hold %s is released: what it kept goes with the next run of retain", did.ID)
	return nil
}
