package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"logstow/export"
	"logstow/layout/jobfile"
)

type exportOptions struct {
	jobs     []string
	user     string
	recipes  []string
	statuses []string
	kinds    []string
	from, to string
	all      bool
	level    string
	format   string

	output string // empty: the token is what is asked for
	force  bool
	json   bool
}

func (a *app) exportCommand() *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export {JOB… | --user USER … | --all}",
		Short: "Make a file of logs and print a token that downloads it",
		Long: `Make a file of the logs of one job, of several, or of all that a query selects,
and print a token that downloads it. The token is valid for an hour; logstow
token resolve makes a URL of it. The file is kept in the store for an hour more,
and removed by a later export or by logstow serve.

With --output the file is downloaded at once, compared with its SHA-256, and the
token is not printed, unless --json asks for it. A file that is there already is
only replaced with --force. Nobody else may read the new one.

Formats: text (one line each: time, severity, message), json (an array of
entries), ndjson (the documents), csv (one row a job) and zip (one file a job).`,
		Example: `  logstow export j-AEcaNzd9-dGQ4Bf | logstow token resolve -
  logstow export 4711 4712 --user 1234 --format json --level warn --output logs.json
  logstow export --user 1234 --status failed --from 2026-11-01 --format zip --json
  logstow export --all --format csv --output - | wc -l`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("output") && o.output == "" {
				return usagef("--output is empty: name a file, or - for standard output")
			}
			o.jobs = args
			return a.export(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitDamage, exitNotFound, exitUnavailable, exitInterrupted)
	storeFlag(cmd)
	ledgerFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.user, "user", "", "only this `user`'s")
	flags.StringSliceVar(&o.recipes, "recipe", nil, "only this `recipe`'s, or events of this type; may be repeated")
	flags.StringSliceVar(&o.statuses, "status", nil, "only jobs of this `status`; may be repeated")
	flags.StringSliceVar(&o.kinds, "kind", nil, "only this `kind`: job, activity, log or genie; may be repeated")
	flags.StringVar(&o.from, "from", "", "only from this `day` or RFC 3339 time on, UTC")
	flags.StringVar(&o.to, "to", "", "only up to and including this `day`, or before this RFC 3339 time, UTC")
	flags.BoolVar(&o.all, "all", false, "everything there is")
	flags.StringVar(&o.level, "level", "", "only lines of this `level` or a more severe one, in text and json: trace, debug, info, warn, error or fatal")
	flags.StringVar(&o.format, "format", string(export.Text), "`form` of the file: "+formatNames())
	flags.StringVarP(&o.output, "output", "o", "", "`file` to download to; - is standard output")
	flags.BoolVar(&o.force, "force", false, "replace the --output file if there is one")
	flags.BoolVar(&o.json, "json", false, "print token, size and expiry as one JSON object")
	return cmd
}

func formatNames() string {
	var names []string
	for _, f := range export.Formats() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// request is what the options ask for, checked.
func (o exportOptions) request() (export.Request, error) {
	r := export.Request{User: o.user, Statuses: o.statuses, Jobs: o.jobs}
	if err := o.checkExtent(); err != nil {
		return r, err
	}
	var err error
	if r.Format, err = export.ParseFormat(o.format); err != nil {
		return r, usagef("--format: %w", err)
	}
	if o.level != "" {
		if r.Level, err = jobfile.ParseLevel(o.level); err != nil {
			return r, usagef("--level: %w", err)
		}
	}
	for _, name := range o.kinds {
		kind, err := jobfile.ParseKind(name)
		if err != nil {
			return r, usagef("--kind: %w", err)
		}
		r.Kinds = append(r.Kinds, kind)
	}
	if len(o.jobs) > 0 && len(o.recipes) == 1 {
		r.Recipe = o.recipes[0]
	} else {
		r.Recipes = o.recipes
	}
	if r.From, err = parseTime("--from", o.from, 0); err != nil {
		return r, err
	}
	if r.To, err = parseTime("--to", o.to, 24*time.Hour); err != nil {
		return r, err
	}
	if err := r.Validate(); err != nil {
		return r, usageError{err}
	}
	return r, nil
}

// checkExtent sees to it that everything is exported only where that is said.
func (o exportOptions) checkExtent() error {
	selected := len(o.jobs) > 0 || o.user != "" || len(o.recipes) > 0 || len(o.statuses) > 0 ||
		len(o.kinds) > 0 || o.from != "" || o.to != ""
	switch {
	case o.all && selected:
		return usagef("--all is everything: select something or say --all, not both")
	case !o.all && !selected:
		return usagef("name jobs, or select them with --user, --recipe, --status, --kind, --from or --to; --all is everything")
	case o.json && o.output == "-":
		return usagef("--json and --output - both write to standard output: name a file")
	case o.force && (o.output == "" || o.output == "-"):
		return usagef("--force replaces the file of --output, and there is none")
	default:
		return nil
	}
}
