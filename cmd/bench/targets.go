package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"logstow/archive"
	"logstow/archive/store/storetest/gateway"
	"logstow/cmd/bench/corpus"
)

// target is one thing that is measured.
type target struct {
	name    string
	what    string
	program string // another program that it needs; "" for none
	large   bool   // measured with one large record, not with the corpus
	stored  bool   // with the corpus in a folder, as files
	run     func(context.Context, *bench) (sample, error)
}

// targets are all there are, in the order in which they are measured.
func targets() []target {
	return []target{
		{name: "null", what: "logstow into the null S3 server", run: intoNull},
		{name: "sdk", what: "the AWS SDK alone into the null S3 server", run: sdkAlone},
		{name: "rerun", what: "logstow again, all archived already", run: again},
		{name: "gateway", what: "logstow into versitygw", run: intoGateway},
		{name: "dir", what: "logstow into a directory", run: intoDirectory},
		{name: "tree", what: "the same files and fsyncs alone", run: treeAlone},
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
		{name: "expire", what: "documents marked, and removed from a store that is not there", run: expire},
		{name: "duckdb", what: "DuckDB writes the same table from the one file of records", program: "npm", run: duckdbFile},
		{name: "duckdb-folder", what: "DuckDB writes the same table from the folder", program: "npm", stored: true, run: duckdbFolder},
		{name: "duckdb-lookup", what: "DuckDB reads one job of a large segment, a local file", program: "npm", run: duckdbLookup},
		{name: "bento", what: "Bento into the null S3 server", program: "bento", run: bento("bento")},
		{name: "redpanda-connect", what: "Redpanda Connect into the null S3 server", program: "redpanda-connect", run: bento("redpanda-connect")},
		{name: "s5cmd", what: "s5cmd, files split before", program: "s5cmd", run: s5cmd},
		{name: "rclone", what: "rclone, files split before", program: "rclone", run: rclone},
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
}

func (b *bench) sample(u usage) sample {
	s := b.files.Stats
	return sample{Objects: s.Jobs, Bytes: s.Bytes, Seconds: u.wall.Seconds(), CPU: u.cpu.Seconds(), RSS: u.rss}
}

// archive runs logstow over a source, with a scratch folder for its ledger and
// temporary files, and returns what it says it did.
func (b *bench) archive(ctx context.Context, scratch, source, store string, env []string) (archive.Summary, usage, error) {
	var s archive.Summary
	if err := os.WriteFile(filepath.Join(scratch, "config.yaml"), nil, 0o644); err != nil {
		return s, usage{}, err
	}
	u, out, err := measure(b.command(ctx, scratch, env, "archive", source, "--store", store, "--json"))
	if err != nil {
		return s, u, err
	}
	return s, u, json.Unmarshal(out, &s)
}

// archived archives the corpus and makes sure that all of it was.
func (b *bench) archived(ctx context.Context, scratch, store string, env []string) (sample, error) {
	s, u, err := b.archive(ctx, scratch, b.files.Records, store, env)
	if err == nil && s.Archived != int64(b.files.Stats.Jobs) {
		err = fmt.Errorf("logstow archived %d jobs of %d", s.Archived, b.files.Stats.Jobs)
	}
	return b.sample(u), err
}

// withNull runs do against a null server of its own, which then must have
// jobs documents, each put once.
func (b *bench) withNull(ctx context.Context, jobs int, do func(n *nullServer) (sample, error)) (sample, error) {
	n, err := startNull(ctx, b.latency, "")
	if err != nil {
		return sample{}, err
	}
	s, err := do(n)
	report, u, stopErr := n.stop()
	if err := errors.Join(err, stopErr); err != nil {
		return s, err
	}
	// Beside the documents there is what logstow tries the store out with.
	if got := report.Objects; got < jobs || got > jobs+1 || report.Replaced > 0 {
		return s, fmt.Errorf("the null server has %d objects, %d of them put again; want %d, each once", got, report.Replaced, jobs)
	}
	s.ServerCPU = u.cpu.Seconds()
	return s, nil
}

func intoNull(ctx context.Context, b *bench) (sample, error) {
	return b.withNull(ctx, b.files.Stats.Jobs, func(n *nullServer) (sample, error) {
		return b.archived(ctx, b.scratch, n.store(), anyCredentials())
	})
}

func sdkAlone(ctx context.Context, b *bench) (sample, error) {
	return b.withNull(ctx, b.files.Stats.Jobs, func(n *nullServer) (sample, error) {
		return b.self(ctx, "put-loop", "-endpoint", n.url, "-records", b.files.Records, "-index", b.files.Index)
	})
}

// again measures the second of two runs. It reads the same file under another
// name, so that it starts at its beginning.
func again(ctx context.Context, b *bench) (sample, error) {
	s, err := b.withNull(ctx, b.files.Stats.Jobs, func(n *nullServer) (sample, error) {
		if s, err := b.archived(ctx, b.scratch, n.store(), anyCredentials()); err != nil {
			return s, err
		}
		renamed := filepath.Join(b.scratch, "again.ndjson")
		if err := os.Link(b.files.Records, renamed); err != nil {
			return sample{}, err
		}
		settle()
		s, u, err := b.archive(ctx, b.scratch, renamed, n.store(), anyCredentials())
		if err == nil && s.AlreadyArchived != int64(b.files.Stats.Jobs) {
			err = fmt.Errorf("logstow found %d jobs archived already, of %d", s.AlreadyArchived, b.files.Stats.Jobs)
		}
		return b.sample(u), err
	})
	s.ServerCPU = 0 // the server worked for the first run
	return s, err
}

func intoGateway(ctx context.Context, b *bench) (s sample, err error) {
	g, err := gateway.StartIn(ctx, filepath.Join(b.scratch, "gateway"), gateway.Options{Bucket: "bench"})
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	return b.archived(ctx, b.scratch, g.URL("a"), g.Env())
}

func intoDirectory(ctx context.Context, b *bench) (sample, error) {
	return b.archived(ctx, b.scratch, "file://"+filepath.Join(b.scratch, "store"), nil)
}

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
		s, u, err := b.archive(ctx, b.scratch, path, n.store(), anyCredentials())
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
