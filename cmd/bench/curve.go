package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"logstow/cmd/bench/corpus"
)

// curve measures archiving so many small records into the null server, with a
// ledger that is new: whether the last costs what the first did.
func curve(jobs int) func(context.Context, *bench) (sample, error) {
	return func(ctx context.Context, b *bench) (sample, error) {
		var source string
		if err := output(ctx, &source, "small", "-dir", b.cache, "-jobs", strconv.Itoa(jobs)); err != nil {
			return sample{}, err
		}
		info, err := os.Stat(source)
		if err != nil {
			return sample{}, err
		}
		settle()
		return b.withNull(ctx, b.latency, jobs, func(n *nullServer) (sample, error) {
			did, u, err := b.archive(ctx, b.scratch, source, n.server())
			if err == nil && did.Archived != int64(jobs) {
				err = fmt.Errorf("logstow archived %d jobs of %d", did.Archived, jobs)
			}
			if err != nil {
				return sample{}, err
			}
			ledger, err := ledgerSize(b.scratch)
			return sample{
				Objects: jobs, Bytes: info.Size() - int64(jobs), Seconds: u.wall.Seconds(), CPU: u.cpu.Seconds(), RSS: u.rss, Ledger: ledger,
			}, err
		})
	}
}

// tooLong says why so many records are not measured; "" where they are.
func tooLong(jobs int) func(*bench) string {
	const each = corpus.SmallBytes + 1_000 // the record, and the ledger with its log
	return func(b *bench) string {
		if jobs > b.curve {
			return fmt.Sprintf("-curve %d measures it", jobs)
		}
		free, err := freeBytes(b.cache)
		if err != nil {
			return err.Error()
		}
		if need := int64(jobs) * each; free < need {
			return fmt.Sprintf("it needs %d MB of disk, %d are free", need/1e6, free/1e6)
		}
		return ""
	}
}

// ledgerSize is what the ledger in a scratch folder takes, its log included.
func ledgerSize(scratch string) (size int64, err error) {
	files, err := filepath.Glob(filepath.Join(scratch, "ledger.db*"))
	for _, path := range files {
		info, statErr := os.Stat(path)
		if statErr != nil {
			return 0, errors.Join(err, statErr)
		}
		size += info.Size()
	}
	return size, err
}

// makeSmall is the part of bench that makes small records.
func makeSmall(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("small", flag.ContinueOnError)
	dir := flags.String("dir", "", "where to")
	jobs := flags.Int("jobs", 1, "how many")
	if err := flags.Parse(args); err != nil {
		return err
	}
	path, err := corpus.Small(*dir, corpus.Options{Jobs: *jobs, Seed: 1})
	if err != nil {
		return err
	}
	if err := warm(path); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(path)
}
