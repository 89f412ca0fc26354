package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"logstow/cmd/bench/corpus"
)

// The figures of the read side are those of parts of bench, which use
// logstow's packages as the program does: what a part measures is a loop, not
// the start of a process.

// render archives one job of many lines and measures writing it out in a
// format, from the store to the last byte, on one processor.
func render(format string) func(context.Context, *bench) (sample, error) {
	return func(ctx context.Context, b *bench) (sample, error) {
		var record string
		if err := output(ctx, &record, "entries", "-dir", b.cache, "-lines", strconv.Itoa(b.lines)); err != nil {
			return sample{}, err
		}
		s, _, err := b.archive(ctx, b.scratch, record, inFolder(filepath.Join(b.scratch, "store")))
		if err != nil {
			return sample{}, err
		}
		if s.Archived != 1 {
			return sample{}, fmt.Errorf("logstow archived %d jobs, want one", s.Archived)
		}
		return b.part(ctx, "render", "-dir", b.scratch, "-format", format)
	}
}

// resolve measures resolving tokens to presigned URLs, on one processor.
func resolve(ctx context.Context, b *bench) (sample, error) {
	return b.part(ctx, "resolve", "-dir", b.scratch)
}

// page measures one page of /v1/jobs, or the last where there are fewer, over
// a connection.
func page(number int) func(context.Context, *bench) (sample, error) {
	return func(ctx context.Context, b *bench) (sample, error) {
		return b.part(ctx, "pages", "-dir", b.cache, "-listed", strconv.Itoa(b.listed),
			"-page", strconv.Itoa(min(number, b.listed/pageSize)))
	}
}

// part runs one of bench's own parts on one processor. The part says what it
// measured, the operating system how much memory it used.
func (b *bench) part(ctx context.Context, args ...string) (s sample, err error) {
	cmd, err := self(ctx, args...)
	if err != nil {
		return s, err
	}
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "TMPDIR="+b.scratch)
	u, out, err := measure(cmd)
	if err != nil {
		return s, err
	}
	s.RSS = u.rss
	return s, json.Unmarshal(out, &s)
}

// measured runs f, which does n things with so many bytes in all, and prints
// what it took.
func measured(n int, f func() (bytes int64, err error)) error {
	cpu, began := ownCPU(), time.Now()
	size, err := f()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"objects": n, "bytes": size, "seconds": time.Since(began).Seconds(), "cpu_seconds": (ownCPU() - cpu).Seconds(),
	})
}

// makeEntries is the part of bench that makes the job to be rendered.
func makeEntries(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("entries", flag.ContinueOnError)
	dir := flags.String("dir", "", "where to")
	lines := flags.Int("lines", 1, "how many")
	if err := flags.Parse(args); err != nil {
		return err
	}
	path, err := corpus.Entries(*dir, *lines)
	if err != nil {
		return err
	}
	if err := warm(path); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(path)
}
