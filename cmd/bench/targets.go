package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"logstow/archive"
	"logstow/cmd/bench/corpus"
)

// target is one thing that is measured.
type target struct {
	name    string
	what    string
	program string              // another program that it needs; "" for none
	large   bool                // measured with one large record, not with the corpus
	stored  bool                // with the corpus in a folder, as files
	files   bool                // makes a file of each record on the disk
	once    bool                // long, and much the same each time: one run of it is enough
	absent  func(*bench) string // why it can't be measured, "" where it can; nil: it can
	run     func(context.Context, *bench) (sample, error)
}

// targets are all there are, in the order in which they are measured.
func targets() []target {
	return []target{
		{name: "null", what: "logstow into the null S3 server", run: intoNull(logstow())},
		{name: "sdk", what: "the AWS SDK alone into the null S3 server", run: intoNull(loop("put-loop", 32))},
		{name: "own", what: "one signed request each over net/http alone", run: intoNull(loop("own-loop", 32))},
		{name: "rerun", what: "logstow again, all archived already", run: again},
		{name: "latency", what: "logstow into a null S3 server 20 ms away", run: intoNullAway(far, logstow("--concurrency-max", strconv.Itoa(together)))},
		{name: "latency-sdk", what: "the AWS SDK alone, 256 at a time", run: intoNullAway(far, loop("put-loop", together))},
		{name: "latency-own", what: "one signed request each alone, 256 at a time", run: intoNullAway(far, loop("own-loop", together))},
		{name: "gateway", what: "logstow into versitygw", files: true, run: intoGateway(logstow())},
		{name: "gateway-memory", what: "logstow into versitygw, files in memory", absent: noMemory, run: intoGatewayMemory(logstow())},
		{name: "gateway-sdk", what: "the AWS SDK alone into it", absent: noMemory, run: intoGatewayMemory(loop("put-loop", 32))},
		{name: "gateway-own", what: "one signed request each into it", absent: noMemory, run: intoGatewayMemory(loop("own-loop", 32))},
		{name: "curve-10k", what: "logstow into the null S3 server, 10,000 small records", absent: tooLong(10_000), run: curve(10_000)},
		{name: "curve-100k", what: "100,000 of them", absent: tooLong(100_000), run: curve(100_000)},
		{name: "curve-1m", what: "1,000,000 of them", once: true, absent: tooLong(1_000_000), run: curve(1_000_000)},
		{name: "curve-10m", what: "10,000,000 of them", once: true, absent: tooLong(10_000_000), run: curve(10_000_000)},
		{name: "dir", what: "logstow into a directory", files: true, run: intoDirectory},
		{name: "tree", what: "the same files and fsyncs alone", files: true, run: treeAlone},
		{name: "lines", what: "one large record of many lines", large: true, run: largeRecord(corpus.Lines)},
		{name: "string", what: "one large record of one string", large: true, run: largeRecord(corpus.String)},
		{name: "text", what: "the lines of one large job as text, one processor", run: render("text")},
		{name: "json", what: "the same as JSON", run: render("json")},
		{name: "resolve", what: "tokens resolved to presigned URLs, one processor", run: resolve},
		{name: "first-page", what: "the first page of the jobs in the ledger, over HTTP", run: page(1)},
		{name: "thousandth-page", what: "the thousandth page", run: page(1000)},
		{name: "lookup", what: "a job found and read in one large segment on versitygw, one processor", run: lookup(false)},
		{name: "lookup-alone", what: "the same without the ledger", run: lookup(true)},
		{name: "compact", what: "logstow packs all documents of a folder", stored: true, run: compactDirectory},
		{name: "compact-gateway", what: "logstow packs all documents of versitygw", run: compactGateway},
		{name: "gzip", what: "each document gzipped alone, nothing written", run: gzipAlone},
		{name: "expire", what: "documents marked, and removed from a store that is not there", once: true, run: expire},
		{name: "duckdb", what: "DuckDB writes the same table from the one file of records", program: "npm", run: duckdbFile},
		{name: "duckdb-folder", what: "DuckDB writes the same table from the folder", program: "npm", stored: true, run: duckdbFolder},
		{name: "duckdb-lookup", what: "DuckDB reads one job of a large segment, a local file", program: "npm", run: duckdbLookup},
		{name: "bento", what: "Bento into the null S3 server", program: "bento", run: intoNull(bento("bento", 4))},
		{name: "redpanda-connect", what: "Redpanda Connect into the null S3 server", program: "redpanda-connect", run: intoNull(bento("redpanda-connect", 4))},
		{name: "s5cmd", what: "s5cmd, files split before", program: "s5cmd", run: intoNull(s5cmd)},
		{name: "rclone", what: "rclone, files split before", program: "rclone", run: intoNull(rclone(32))},
		{name: "latency-bento", what: "Bento, 20 ms away, 256 at a time", program: "bento", run: intoNullAway(far, bento("bento", together))},
		{name: "latency-s5cmd", what: "s5cmd, 20 ms away, 256 at a time", program: "s5cmd", run: intoNullAway(far, s5cmd)},
		{name: "latency-rclone", what: "rclone, 20 ms away, 256 at a time", program: "rclone", run: intoNullAway(far, rclone(together))},
	}
}

// targetNames names the targets that need another program, or the others.
func targetNames(others bool) []string {
	var names []string
	for _, t := range targets() {
		if (t.program != "") == others {
			names = append(names, t.name)
		}
	}
	return names
}

// sample is what one run of a target used.
type sample struct {
	Objects   int     `json:"objects"`
	Bytes     int64   `json:"bytes"` // of the records
	Seconds   float64 `json:"seconds"`
	CPU       float64 `json:"cpu_seconds"`
	RSS       int64   `json:"rss_bytes"`
	ServerCPU float64 `json:"server_cpu_seconds,omitempty"` // of the null server, or of versitygw

	Made     int64   `json:"made_bytes,omitempty"` // of the files that were made
	MedianMS float64 `json:"median_ms,omitempty"`  // of one look-up
	Gets     float64 `json:"gets,omitempty"`       // requests of one look-up
	Lists    float64 `json:"lists,omitempty"`

	Connections int   `json:"connections,omitempty"`  // that the null server had
	Requests    int   `json:"requests"`               // that the null server had
	Ledger      int64 `json:"ledger_bytes,omitempty"` // at the end
}

func (b *bench) sample(u usage) sample {
	s := b.files.Stats
	return sample{Objects: s.Jobs, Bytes: s.Bytes, Seconds: u.wall.Seconds(), CPU: u.cpu.Seconds(), RSS: u.rss}
}

// archive runs logstow over a source, with a scratch folder for its ledger and
// temporary files, and returns what it says it did.
func (b *bench) archive(ctx context.Context, scratch, source string, to server, args ...string) (archive.Summary, usage, error) {
	var s archive.Summary
	if err := os.WriteFile(filepath.Join(scratch, "config.yaml"), nil, 0o644); err != nil {
		return s, usage{}, err
	}
	args = append([]string{"archive", source, "--store", to.store, "--json"}, args...)
	u, out, err := measure(b.command(ctx, scratch, to.env, args...))
	if err != nil {
		return s, u, err
	}
	return s, u, json.Unmarshal(out, &s)
}

// archived archives the corpus and makes sure that all of it was.
func (b *bench) archived(ctx context.Context, scratch string, to server, args ...string) (sample, error) {
	s, u, err := b.archive(ctx, scratch, b.files.Records, to, args...)
	if err == nil && s.Archived != int64(b.files.Stats.Jobs) {
		err = fmt.Errorf("logstow archived %d jobs of %d", s.Archived, b.files.Stats.Jobs)
	}
	return b.sample(u), err
}

func intoDirectory(ctx context.Context, b *bench) (sample, error) {
	return b.archived(ctx, b.scratch, inFolder(filepath.Join(b.scratch, "store")))
}

// inFolder is a store in a folder.
func inFolder(dir string) server { return server{store: "file://" + dir} }

func treeAlone(ctx context.Context, b *bench) (sample, error) {
	return b.self(ctx, "tree-loop", "-root", filepath.Join(b.scratch, "tree"), "-records", b.files.Records, "-index", b.files.Index)
}

// self measures one of bench's own parts.
func (b *bench) self(ctx context.Context, args ...string) (sample, error) {
	cmd, err := self(ctx, args...)
	if err != nil {
		return sample{}, err
	}
	u, _, err := measure(cmd)
	return b.sample(u), err
}

func largeRecord(shape corpus.Shape) func(context.Context, *bench) (sample, error) {
	return func(ctx context.Context, b *bench) (sample, error) {
		path := b.largeFiles[shape]
		info, err := os.Stat(path)
		if err != nil {
			return sample{}, err
		}
		n, err := startNull(ctx, b.latency, "")
		if err != nil {
			return sample{}, err
		}
		s, u, err := b.archive(ctx, b.scratch, path, n.server())
		report, server, stopErr := n.stop()
		err = errors.Join(err, stopErr)
		if err == nil && (s.Archived != 1 || s.Capped != 1 || report.Replaced > 0) {
			err = fmt.Errorf("logstow archived %d jobs and capped %d, want one of each", s.Archived, s.Capped)
		}
		return sample{
			Objects: 1, Bytes: info.Size(), Seconds: u.wall.Seconds(), CPU: u.cpu.Seconds(), RSS: u.rss, ServerCPU: server.cpu.Seconds(),
		}, err
	}
}
