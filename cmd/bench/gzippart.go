package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"sync/atomic"
)

// gzipEach is the part of bench that compresses each record alone, as who keeps
// files does, and prints how many bytes that makes.
func gzipEach(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("gzip", flag.ContinueOnError)
	records := flags.String("records", "", "the corpus")
	index := flags.String("index", "", "of the corpus")
	workers := flags.Int("workers", 2, "records at a time")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var made atomic.Int64
	err := eachRecord(ctx, *records, *index, *workers, func() func(context.Context, string, []byte) error {
		var size counted
		w := gzip.NewWriter(&size)
		return func(_ context.Context, _ string, data []byte) error {
			size = 0
			w.Reset(&size)
			if _, err := w.Write(data); err != nil {
				return err
			}
			if err := w.Close(); err != nil {
				return err
			}
			made.Add(int64(size))
			return nil
		}
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(made.Load())
}

// counted is how many bytes were written to it.
type counted int64

var _ io.Writer = new(counted)

func (c *counted) Write(b []byte) (int, error) {
	*c += counted(len(b))
	return len(b), nil
}

// gzipAlone measures compressing each record alone.
func gzipAlone(ctx context.Context, b *bench) (sample, error) {
	cmd, err := self(ctx, "gzip", "-records", b.files.Records, "-index", b.files.Index)
	if err != nil {
		return sample{}, err
	}
	u, out, err := measure(cmd)
	if err != nil {
		return sample{}, err
	}
	s := b.sample(u)
	return s, json.Unmarshal(out, &s.Made)
}
