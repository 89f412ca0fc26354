package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"logstow/archive/store/storetest/gateway"
)

// server is an S3 server that the corpus is put into.
type server struct {
	endpoint string
	store    string   // the URL of a store there
	env      []string // what clients need
}

// putter puts the corpus into a server and measures that.
type putter func(context.Context, *bench, server) (sample, error)

// far is how far away the server of the latency targets is, and together how
// many requests are made to it at a time.
const (
	far      = 20 * time.Millisecond
	together = 256
)

// logstow is the whole job.
func logstow(args ...string) putter {
	return func(ctx context.Context, b *bench, to server) (sample, error) {
		return b.archived(ctx, b.scratch, to, args...)
	}
}

// loop is one of bench's own parts that only puts, some requests at a time.
func loop(part string, workers int) putter {
	return func(ctx context.Context, b *bench, to server) (sample, error) {
		cmd, err := self(ctx, part, "-endpoint", to.endpoint, "-records", b.files.Records, "-index", b.files.Index, "-workers", strconv.Itoa(workers))
		if err != nil {
			return sample{}, err
		}
		cmd.Env = append(os.Environ(), to.env...)
		u, _, err := measure(cmd)
		return b.sample(u), err
	}
}

// intoNull measures putting the corpus into a null server of its own.
func intoNull(put putter) func(context.Context, *bench) (sample, error) {
	return intoNullAway(0, put)
}

// intoNullAway is intoNull with a server that is at least so far away.
func intoNullAway(latency time.Duration, put putter) func(context.Context, *bench) (sample, error) {
	return func(ctx context.Context, b *bench) (sample, error) {
		return b.withNull(ctx, max(latency, b.latency), b.files.Stats.Jobs, func(n *nullServer) (sample, error) {
			return put(ctx, b, n.server())
		})
	}
}

// withNull runs do against a null server of its own, which then must have
// jobs documents, each put once.
func (b *bench) withNull(ctx context.Context, latency time.Duration, jobs int, do func(n *nullServer) (sample, error)) (sample, error) {
	n, err := startNull(ctx, latency, "")
	if err != nil {
		return sample{}, err
	}
	s, err := do(n)
	report, u, stopErr := n.stop()
	if err := errors.Join(err, stopErr); err != nil {
		return s, err
	}
	s.ServerCPU, s.Connections, s.Requests = u.cpu.Seconds(), report.Connections, report.Requests()
	return s, report.holds(jobs)
}

// holds is an error unless each of so many documents was put once. Beside them
// there may be one object that logstow tries the store out with, by putting it
// twice.
func (r nullReport) holds(jobs int) error {
	if r.Objects < jobs || r.Objects > jobs+1 || r.Replaced > 0 || r.Exist > 1 || r.Refused > 0 {
		return fmt.Errorf("the null server has %d objects, %d of them put again, %d more tried; it refused %d requests; want %d objects, each once",
			r.Objects, r.Replaced, r.Exist, r.Refused, jobs)
	}
	return nil
}

// intoGateway measures putting the corpus into versitygw, whose files are on
// the same disk.
func intoGateway(put putter) func(context.Context, *bench) (sample, error) {
	return func(ctx context.Context, b *bench) (sample, error) {
		return b.withGateway(ctx, filepath.Join(b.scratch, "gateway"), put)
	}
}

// intoGatewayMemory measures putting the corpus into versitygw, whose files are
// in memory.
func intoGatewayMemory(put putter) func(context.Context, *bench) (sample, error) {
	return func(ctx context.Context, b *bench) (s sample, err error) {
		dir, err := os.MkdirTemp(b.memory, "logstow-bench-")
		if err != nil {
			return s, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		return b.withGateway(ctx, dir, put)
	}
}

func (b *bench) withGateway(ctx context.Context, dir string, put putter) (sample, error) {
	g, err := gateway.StartIn(ctx, dir, gateway.Options{Bucket: "bench"})
	if err != nil {
		return sample{}, err
	}
	s, err := put(ctx, b, server{endpoint: g.Endpoint, store: g.URL("a"), env: g.Env()})
	if err := errors.Join(err, g.Close()); err != nil {
		return s, err
	}
	cpu, _ := used(g.Ended())
	s.ServerCPU = cpu.Seconds()
	return s, nil
}

// noMemory says why there is no folder in memory for versitygw; "" where there
// is one.
func noMemory(b *bench) string {
	return inMemory(b.memory, 3*b.files.Stats.Bytes)
}

// again measures the second of two runs. It reads the same file under another
// name, so that it starts at its beginning. Its server is another one at the
// same address, which so counts the requests of the second run alone.
func again(ctx context.Context, b *bench) (sample, error) {
	first, err := startNull(ctx, b.latency, "")
	if err != nil {
		return sample{}, err
	}
	_, err = b.archived(ctx, b.scratch, first.server())
	report, _, stopErr := first.stop()
	if err := errors.Join(err, stopErr); err != nil {
		return sample{}, err
	}
	if err := report.holds(b.files.Stats.Jobs); err != nil {
		return sample{}, err
	}
	renamed := filepath.Join(b.scratch, "again.ndjson")
	if err := os.Link(b.files.Records, renamed); err != nil {
		return sample{}, err
	}
	second, err := startNull(ctx, b.latency, first.address())
	if err != nil {
		return sample{}, err
	}
	settle()
	did, u, err := b.archive(ctx, b.scratch, renamed, second.server())
	report, _, stopErr = second.stop()
	if err := errors.Join(err, stopErr); err != nil {
		return sample{}, err
	}
	s := b.sample(u)
	s.Requests = report.Requests()
	switch {
	case did.AlreadyArchived != int64(b.files.Stats.Jobs):
		return s, fmt.Errorf("logstow found %d jobs archived already, of %d", did.AlreadyArchived, b.files.Stats.Jobs)
	case report.Objects > 1: // what it tries the store out with is no document
		return s, fmt.Errorf("logstow put %d objects, although all jobs were archived already", report.Objects)
	}
	return s, nil
}
