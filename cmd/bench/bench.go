package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"logstow/cmd/bench/corpus"
)

// bench is what the targets work with.
type bench struct {
	logstow    string // absolute
	files      corpus.Files
	largeFiles map[corpus.Shape]string
	latency    time.Duration
	lines      int    // of the job that is written out
	listed     int    // jobs in the ledger that is listed
	looked     int    // jobs in the segment that one is looked up in
	expired    int    // documents that expire
	curve      int    // records of the curve's end
	memory     string // a folder that is in memory
	stored     compacted
	cache      string   // what is kept between runs
	kept       string   // a folder of all runs, gone afterwards
	later      []string // scratch folders that are removed at the end
	scratch    string   // a folder of the present run alone
}

// result is what a target's runs used. Err says why there are none.
type result struct {
	Target string   `json:"target"`
	What   string   `json:"what"`
	Err    string   `json:"absent,omitempty"`
	Runs   []sample `json:"runs,omitempty"`
}

func benchmark(ctx context.Context, o options) (err error) {
	chosen, err := choose(o)
	if err != nil {
		return err
	}
	b, err := prepare(ctx, o, chosen)
	if err != nil {
		return err
	}
	defer func() {
		for _, dir := range append(b.later, b.kept) {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if err := b.store(ctx, chosen); err != nil {
		return err
	}
	results := make([]result, len(chosen))
	for i, t := range chosen {
		results[i] = result{Target: t.name, What: t.what}
	}
	for run := range o.runs {
		for i, t := range chosen {
			if t.once && run > 0 {
				continue
			}
			if results[i].Err = missing(t, b); results[i].Err != "" {
				continue
			}
			fmt.Fprintf(os.Stderr, "run %d of %d: %s\n", run+1, o.runs, t.what)
			s, err := b.once(ctx, o.dir, t)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			results[i].Runs = append(results[i].Runs, s)
		}
	}
	if o.json {
		return printJSON(os.Stdout, b.files.Stats, results)
	}
	return printTables(os.Stdout, b.files.Stats, results)
}

// choose returns the targets that are asked for.
func choose(o options) ([]target, error) {
	var chosen []target
	known := targets()
	for _, t := range known {
		if o.only == nil && (t.program == "" || o.compare) || slices.Contains(o.only, t.name) {
			chosen = append(chosen, t)
		}
	}
	for _, name := range o.only {
		if !slices.ContainsFunc(known, func(t target) bool { return t.name == name }) {
			return nil, fmt.Errorf("unknown target %q; known are %s", name, strings.Join(append(targetNames(false), targetNames(true)...), ", "))
		}
	}
	return chosen, nil
}

// missing says what a target lacks, if anything.
func missing(t target, b *bench) string {
	if t.program != "" {
		if _, err := exec.LookPath(t.program); err != nil {
			return t.program + " is not installed"
		}
	}
	if t.absent != nil {
		return t.absent(b)
	}
	return ""
}

// prepare makes what the chosen targets read.
func prepare(ctx context.Context, o options, chosen []target) (*bench, error) {
	b := &bench{latency: o.latency, lines: o.lines, listed: o.listed, looked: o.looked, expired: o.expired, curve: o.curve, memory: o.memory, largeFiles: map[corpus.Shape]string{}}
	var err error
	if b.cache, err = filepath.Abs(filepath.Join(o.dir, "cache")); err != nil {
		return nil, err
	}
	if b.logstow, err = filepath.Abs(o.logstow); err != nil {
		return nil, err
	}
	if _, err := os.Stat(b.logstow); err != nil {
		return nil, fmt.Errorf("the program to measure: %w", err)
	}
	if err := os.MkdirAll(b.cache, 0o755); err != nil {
		return nil, err
	}
	if err := checkDisk(b.cache); err != nil {
		return nil, err
	}
	// In a process of its own, since it needs memory: see measure.
	err = output(ctx, &b.files, "generate", "-dir", b.cache, "-jobs", strconv.Itoa(o.jobs), "-seed", strconv.FormatUint(o.seed, 10))
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(chosen, func(t target) bool { return t.large }) {
		for _, shape := range []corpus.Shape{corpus.Lines, corpus.String} {
			var path string
			if err := output(ctx, &path, "large", "-dir", b.cache, "-size", strconv.FormatInt(o.large, 10), "-shape", string(shape)); err != nil {
				return nil, err
			}
			b.largeFiles[shape] = path
		}
	}
	return b, nil
}

// store archives the corpus into a folder where a target reads it there.
func (b *bench) store(ctx context.Context, chosen []target) (err error) {
	if !slices.ContainsFunc(chosen, func(t target) bool { return t.stored && missing(t, b) == "" }) {
		return nil
	}
	if b.kept, err = os.MkdirTemp(filepath.Dir(b.cache), "stored-"); err != nil {
		return err
	}
	b.stored, err = b.storeCorpus(ctx, b.kept)
	return err
}

// output runs one of bench's own parts and reads the JSON that it prints.
func output(ctx context.Context, to any, args ...string) error {
	cmd, err := self(ctx, args...)
	if err != nil {
		return err
	}
	_, out, err := measure(cmd)
	if err != nil {
		return err
	}
	return json.Unmarshal(out, to)
}

// generate is the part of bench that makes the corpus.
func generate(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("generate", flag.ContinueOnError)
	dir := flags.String("dir", "", "where to")
	jobs := flags.Int("jobs", 1, "how many")
	seed := flags.Uint64("seed", 1, "of the records")
	if err := flags.Parse(args); err != nil {
		return err
	}
	files, err := corpus.Open(*dir, corpus.Options{Jobs: *jobs, Seed: *seed})
	if err != nil {
		return err
	}
	if err := warm(files.Records); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(files)
}

// large is the part of bench that makes the large records.
func large(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("large", flag.ContinueOnError)
	dir := flags.String("dir", "", "where to")
	size := flags.Int64("size", 1, "bytes")
	shape := flags.String("shape", "", "lines or string")
	if err := flags.Parse(args); err != nil {
		return err
	}
	path, err := corpus.Large(*dir, *size, corpus.Shape(*shape))
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(path)
}

// warm reads a file, so that no run has to wait for the disk to read it.
func warm(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(io.Discard, f)
	return err
}

// once runs a target in a folder of its own, which is gone afterwards; at the end
// of all runs where there are many files in it, since some file systems make new
// ones slowly for minutes after others were removed.
func (b *bench) once(ctx context.Context, dir string, t target) (s sample, err error) {
	b.scratch, err = os.MkdirTemp(dir, "run-")
	if err != nil {
		return s, err
	}
	if b.scratch, err = filepath.Abs(b.scratch); err != nil {
		return s, err
	}
	if scratch := b.scratch; t.files {
		b.later = append(b.later, scratch)
	} else {
		defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	}
	settle()
	return t.run(ctx, b)
}
