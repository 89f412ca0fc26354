package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"

	"logstow/archive/ledger"
	"logstow/archive/store/dirstore"
	"logstow/cmd/bench/corpus"
	"logstow/export"
)

// renderJob is the part of bench that writes the lines of one job out. Its
// bytes are those of the record that is read.
func renderJob(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("render", flag.ContinueOnError)
	dir := flags.String("dir", "", "where the store and the ledger are")
	format := flags.String("format", "text", "of what is written")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s, err := dirstore.Open(filepath.Join(*dir, "store"))
	if err != nil {
		return err
	}
	l, err := ledger.Open(ctx, ledger.Config{Path: filepath.Join(*dir, "ledger.db"), ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	e, err := export.New(export.Config{Store: s, Ledger: l})
	if err != nil {
		return err
	}
	job, err := e.Find(ctx, export.Wanted{ID: corpus.EntriesJob})
	if err != nil {
		return err
	}
	return measured(1, func() (int64, error) {
		request := export.Request{Format: export.Format(*format), Jobs: []string{corpus.EntriesJob}}
		p, err := e.Write(ctx, io.Discard, request, nil)
		if err == nil && p.Lines != job.Versions[0].Lines {
			err = fmt.Errorf("%d lines were written, the job has %d", p.Lines, job.Versions[0].Lines)
		}
		return job.Versions[0].InputSize, err
	})
}
