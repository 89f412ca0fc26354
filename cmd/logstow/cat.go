package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"logstow/cmd/internal/config"
	"logstow/export"
)

type catOptions struct {
	want     export.Wanted
	revision string
	full     bool
	noLedger bool
}

func (a *app) catCommand() *cobra.Command {
	var o catOptions
	cmd := &cobra.Command{
		Use:   "cat JOB",
		Short: "Print a job's document, byte for byte",
		Long: `Print a job's document, byte for byte as it is in the store. An event is
printed by its id where no job has that id.

Of several versions the one with lines is printed, and among equals the
newest. The bytes are compared with the recorded SHA-256 while they are
printed; if they differ, the exit status says so afterwards.

With --no-ledger the job is looked for in the store alone, below --user: by the
names of documents, and in segments. What has expired is printed too while it
is there, since only the ledger knows; what was erased is not. Without --recipe
all that the user has is listed.`,
		Example: `  logstow cat j-AEcaNzd9-dGQ4Bf
  logstow cat 4711 --user 1234 --full | jq '.lines | length'
  logstow cat 4711 --revision 9f86d0
  logstow cat 4711 --no-ledger --user 1234 --recipe 5`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			o.want.ID = args[0]
			if o.noLedger {
				return a.catAlone(cmd.Context(), c, o)
			}
			return a.cat(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitDamage, exitNotFound, exitUnavailable)
	storeFlag(cmd)
	ledgerFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.want.User, "user", "", "whose job: of this `user`, where several have one of this id")
	flags.StringVar(&o.want.Recipe, "recipe", "", "of which `recipe`, where several have one of this id")
	flags.BoolVar(&o.want.Event, "event", false, "look among events only")
	flags.StringVar(&o.revision, "revision", "", "the version whose input `hash` begins so (see ls --json)")
	flags.BoolVar(&o.noLedger, "no-ledger", false, "look in the store alone; needs --user")
	flags.BoolVar(&o.full, "full", false, "the full record, where lines were left out for size")
	return cmd
}

func (a *app) cat(ctx context.Context, c *config.Config, o catOptions) (err error) {
	s, l, err := openForReading(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	r, err := export.NewReader(s, l)
	if err != nil {
		return err
	}
	job, err := export.Find(ctx, l, o.want)
	if err != nil {
		return err
	}
	return o.write(ctx, a.out, r, job)
}

// catAlone prints a job that is looked for in the store alone. What could not be
// looked into is an error when the job is printed.
func (a *app) catAlone(ctx context.Context, c *config.Config, o catOptions) error {
	if o.want.User == "" {
		return usagef("without a ledger it is to be said whose job it is: name the user with --user")
	}
	s, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	found, err := export.Search{Store: s, Fields: fieldMaps(c)}.Find(ctx, o.want)
	if err != nil {
		return err
	}
	err = o.write(ctx, a.out, found.Reader, found.Job)
	return errors.Join(append([]error{err}, found.Unread...)...)
}

// write writes the version of the job that is asked for.
func (o catOptions) write(ctx context.Context, w io.Writer, r *export.Reader, job export.Job) error {
	version := job.Versions[0]
	if o.revision != "" {
		var err error
		if version, err = job.Version(o.revision); err != nil {
			return err
		}
	}
	if o.full {
		return r.WriteFull(ctx, w, version)
	}
	return r.Write(ctx, w, version)
}
