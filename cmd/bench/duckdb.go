package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// duckdbPackage is DuckDB as npm has it.
const duckdbPackage = "@duckdb/node-api@1.5.5-r.5"

//go:embed duckdb.mjs
var duckdbScript []byte

// duckdbFile measures DuckDB writing the records of one file as Parquet.
func duckdbFile(ctx context.Context, b *bench) (sample, error) {
	return b.duckdbWrites(ctx, b.files.Records)
}

// duckdbFolder measures the same of a folder that has each record as a file.
func duckdbFolder(ctx context.Context, b *bench) (sample, error) {
	return b.duckdbWrites(ctx, b.stored.store)
}

func (b *bench) duckdbWrites(ctx context.Context, from string) (sample, error) {
	to := filepath.Join(b.scratch, "table.parquet")
	cmd, err := b.duckdb(ctx, "write", from, to)
	if err != nil {
		return sample{}, err
	}
	u, _, err := measure(cmd)
	if err != nil {
		return sample{}, err
	}
	s := b.sample(u)
	info, err := os.Stat(to)
	if err == nil {
		s.Made = info.Size()
	}
	return s, err
}

// duckdbLookup measures DuckDB finding and reading one job of the segment that
// lookup has, in a file.
func duckdbLookup(ctx context.Context, b *bench) (s sample, err error) {
	file := filepath.Join(b.scratch, "segment.parquet")
	if _, err := b.self(ctx, "segment", "-file", file, "-jobs", strconv.Itoa(b.looked)); err != nil {
		return s, err
	}
	cmd, err := b.duckdb(ctx, "read", file)
	if err != nil {
		return s, err
	}
	u, out, err := measure(cmd)
	if err != nil {
		return s, err
	}
	s.RSS = u.rss
	return s, json.Unmarshal(out, &s)
}

// duckdb is a command of duckdb.mjs, with DuckDB installed where it isn't yet.
func (b *bench) duckdb(ctx context.Context, args ...string) (*exec.Cmd, error) {
	dir := filepath.Join(b.cache, "duckdb")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@duckdb", "node-api")); err != nil {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		npm := exec.CommandContext(ctx, "npm", "install", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund", duckdbPackage)
		if _, _, err := measure(npm); err != nil {
			return nil, err
		}
	}
	script := filepath.Join(dir, "duckdb.mjs")
	if err := os.WriteFile(script, duckdbScript, 0o644); err != nil {
		return nil, err
	}
	settle()
	return exec.CommandContext(ctx, "node", append([]string{script}, args...)...), nil
}

// makeSegment is the part of bench that writes a large segment to a file.
func makeSegment(_ context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("segment", flag.ContinueOnError)
	path := flags.String("file", "", "where to")
	jobs := flags.Int("jobs", 1, "in the segment")
	if err := flags.Parse(args); err != nil {
		return err
	}
	f, err := os.Create(*path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err = writeSegment(f, *jobs); err != nil {
		err = fmt.Errorf("write %s: %w", *path, err)
	}
	return err
}
