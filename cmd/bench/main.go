// Command bench measures how fast logstow archives, and in how much memory.
//
// It runs the real program, and beside it others that do the same work, as
// processes of their own, and prints what the operating system says they used.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// parts are what bench starts itself again for, so that each has a process of
// its own to be measured.
func parts() map[string]func(context.Context, []string) error {
	return map[string]func(context.Context, []string) error{
		"entries":   makeEntries,
		"expire":    expireAll,
		"generate":  generate,
		"gzip":      gzipEach,
		"jobs":      makeJobs,
		"large":     large,
		"lookup":    lookUp,
		"null-s3":   serveNull,
		"own-loop":  ownLoop,
		"pages":     pages,
		"put-loop":  putLoop,
		"render":    renderJob,
		"resolve":   resolveTokens,
		"segment":   makeSegment,
		"small":     makeSmall,
		"tree-loop": treeLoop,
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		part := parts()[args[0]]
		if part == nil {
			return fmt.Errorf("unknown part %q", args[0])
		}
		return part(ctx, args[1:])
	}
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	return benchmark(ctx, o)
}

// options is what the command line says.
type options struct {
	dir     string // where everything is kept; a real disk
	logstow string // the program
	jobs    int
	seed    uint64
	runs    int
	only    []string // targets; nil: all
	compare bool     // with other programs as well
	json    bool
	latency time.Duration
	large   int64 // bytes
	lines   int   // of the job that is written out
	listed  int   // jobs in the ledger that is listed
	looked  int   // jobs in the segment that one is looked up in
	expired int   // documents that expire
	curve   int   // small records, at most
	memory  string
}

func parseOptions(args []string) (options, error) {
	var o options
	var only string
	var quick bool
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.dir, "dir", ".bench", "`folder` for the records and for what is archived, on a real disk")
	flags.StringVar(&o.logstow, "logstow", "bin/logstow", "the `program` to measure")
	flags.IntVar(&o.jobs, "jobs", 100_000, "`number` of records")
	flags.Uint64Var(&o.seed, "seed", 1, "of the records")
	flags.IntVar(&o.runs, "runs", 3, "`number` of runs of each target, taken in turn")
	flags.StringVar(&only, "only", "", "`targets`, separated by commas (default all): "+strings.Join(targetNames(false), ", "))
	flags.BoolVar(&o.compare, "compare", false, "measure other programs too, those that are installed: "+strings.Join(targetNames(true), ", "))
	flags.BoolVar(&o.json, "json", false, "print everything as one JSON object")
	flags.DurationVar(&o.latency, "latency", 0, "how `long` the null server waits before each answer")
	flags.Int64Var(&o.large, "large", 2_000_000_000, "`bytes` of the one large record")
	flags.IntVar(&o.lines, "lines", 1_000_000, "`number` of lines of the job that is written out")
	flags.IntVar(&o.listed, "listed", 1_000_000, "`number` of jobs in the ledger that is listed")
	flags.IntVar(&o.looked, "looked", 61_500, "`number` of jobs in the segment that jobs are looked up in; the default makes 128 MB")
	flags.IntVar(&o.expired, "expired", 1_000_000, "`number` of documents that expire")
	flags.IntVar(&o.curve, "curve", 1_000_000, "`number` of small records at the curve's end: 10000, 100000, 1000000 or 10000000")
	flags.StringVar(&o.memory, "memory", "/dev/shm", "`folder` in memory, for the gateway-memory targets")
	flags.BoolVar(&quick, "quick", false, "10,000 records, lines and listed jobs, the curve up to there, a large record of 100 MB, one run")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if quick {
		o.jobs, o.large, o.runs = 10_000, 100_000_000, 1
		o.lines, o.listed, o.looked, o.expired = 10_000, 10_000, 10_000, 10_000
		o.curve = 10_000
	}
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.jobs < 1 || o.runs < 1 || o.large < 1 || o.lines < 1 || o.looked < 1 || o.expired < 1:
		return o, errors.New("-jobs, -runs, -large, -lines, -looked and -expired are at least 1")
	case o.listed < pageSize:
		return o, fmt.Errorf("-listed is at least %d: a page", pageSize)
	}
	return o, nil
}
