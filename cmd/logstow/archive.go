package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/source/filesource"
	"logstow/archive/store"
	"logstow/cmd/internal/config"
	"logstow/layout/jobfile"
)

// memory bounds the bytes of records that are held at once.
const memory = 16 << 20

type archiveOptions struct {
	sources []string // instead of the configuration's, where there are any
	dryRun  bool
	json    bool
}

func (a *app) archiveCommand() *cobra.Command {
	var o archiveOptions
	cmd := &cobra.Command{
		Use:   "archive [SOURCE…]",
		Short: "Put the records of finished jobs into the store",
		Long: `Put the records of finished jobs into the store, each as one JSON file, each
once. A SOURCE is a file, a folder, a glob in quotes, or - for standard input,
of JSON records one after the other or in arrays, plain or compressed with gzip
or zstd. How far each was read is remembered, so that the next run goes on
there. Without a SOURCE those of the configuration are read.

A record that can't be archived is kept in quarantine, byte for byte. Each one
is named on standard error.`,
		Example: `  logstow archive ./logs --store file:///var/lib/logstow
  logstow archive 'export/*.ndjson.gz' --store 's3://bucket/prefix?region=eu-central-1'
  producer | logstow archive - --store s3://bucket --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(cmd)
			if err != nil {
				return err
			}
			o.sources = args
			return a.archive(cmd.Context(), c, o)
		},
	}
	statuses(cmd, exitOK, exitFailed, exitUsage, exitPartial, exitUnavailable, exitInterrupted)
	storeFlag(cmd)
	ledgerFlag(cmd)
	writingFlags(cmd)
	flags := cmd.Flags()
	settingFlag(flags, "concurrency-max", "archive.concurrency_max", "`number` of documents written at once at most, where --concurrency isn't given (default 256)")
	listSettingFlag(flags, "types", "archive.types", "only records of these `kinds`: job, activity, log, genie (default all)")
	flags.BoolVar(&o.dryRun, "dry-run", false, "say what would be done, write nothing")
	flags.BoolVar(&o.json, "json", false, "print the summary as one JSON object")
	return cmd
}

// writingFlags adds the flags that say how documents are written.
func writingFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	settingFlag(flags, "concurrency", "archive.concurrency", "`number` of documents written at once (default: as many as the store does most with)")
	settingFlag(flags, "detail", "archive.detail", "the `level` of detail kept of a job: full, deduplicated or status (default full)")
	settingFlag(flags, "overflow", "archive.overflow", "whether lines left out for size are kept apart: `keep` or drop (default keep)")
	settingFlag(flags, "max-file-size", "archive.max_file_size", "`size` above which lines are left out, at most 40MB (default 40MB)")
	settingFlag(flags, "user", "archive.user", "the `user` of every record, whatever it says")
}

func (a *app) archive(ctx context.Context, c *config.Config, o archiveOptions) (err error) {
	limitHeap(0)
	budget := archive.NewBudget(memory)
	inputs, err := a.inputs(c, o.sources, budget)
	if err != nil {
		return err
	}
	s, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	l, err := openForArchiving(ctx, c, s, limitHeap, o.dryRun)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLedger(l)) }()
	run := a.archiving(c, s, l, o.dryRun)
	run.Inputs = inputs
	how := runOptions{command: "archive", json: o.json}
	if a.showsProgress() {
		how.total = bytesOf(inputs)
	}
	return a.runArchive(ctx, run, how, archive.Run)
}

// inputs opens the sources, those named on the command line or else those of
// the configuration.
func (a *app) inputs(c *config.Config, named []string, budget *archive.Budget) ([]archive.Input, error) {
	sources := sourcesOf(c, named)
	if len(sources) == 0 {
		return nil, usageError{errNoSource}
	}
	inputs, err := a.inputsOf(sources, budget)
	if err != nil {
		return nil, usageError{err}
	}
	return inputs, nil
}

// sourcesOf is the sources named on the command line, or else those of the
// configuration.
func sourcesOf(c *config.Config, named []string) []config.Source {
	if len(named) == 0 {
		return c.Archive.Sources
	}
	var sources []config.Source
	for _, path := range named {
		sources = append(sources, config.Source{Path: path, User: c.Archive.User, Fields: c.Archive.Fields})
	}
	return sources
}

// errNoSource says that there is nothing to archive from.
var errNoSource = errors.New("no source: name files, folders, globs or - for standard input, or set archive.sources in the configuration")

// inputsOf opens sources. It returns those that could be opened and why the
// others could not.
func (a *app) inputsOf(sources []config.Source, budget *archive.Budget) ([]archive.Input, error) {
	var inputs []archive.Input
	var errs []error
	seen := map[string]bool{}
	for _, from := range sources {
		input, err := a.input(from, budget)
		if err == nil && seen[input.Source.Name()] {
			err = fmt.Errorf("%s is named twice", input.Source.Name())
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		seen[input.Source.Name()] = true
		inputs = append(inputs, input)
	}
	return inputs, errors.Join(errs...)
}

func (a *app) input(from config.Source, budget *archive.Budget) (archive.Input, error) {
	reader, err := jobfile.NewReader(jobfile.Config{User: from.User, Fields: from.Fields})
	if err != nil {
		return archive.Input{}, err
	}
	s, err := filesource.New(filesource.Config{Path: from.Path, Reader: reader, Budget: budget, Stdin: a.in})
	return archive.Input{Source: s, Reader: reader}, err
}

// archiving is what a run that writes documents needs, as the configuration
// says.
func (a *app) archiving(c *config.Config, s store.Store, l *ledger.Ledger, dryRun bool) archive.Config {
	return archive.Config{
		Store: s, Ledger: l,
		Concurrency:    archiveConcurrency(c),
		ConcurrencyMax: c.Archive.ConcurrencyMax,
		Detail:         c.Archive.Detail,
		Overflow:       archive.Overflow(c.Archive.Overflow),
		Kinds:          c.Archive.Types,
		MaxFileSize:    c.Archive.MaxFileSize,
		DryRun:         dryRun,
		Log:            a.log,
	}
}
