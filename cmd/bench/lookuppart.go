package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/s3store"
	"logstow/archive/store/storetest/gateway"
	"logstow/cmd/bench/corpus"
	"logstow/export"
	"logstow/layout"
	"logstow/layout/jobfile"
	"logstow/layout/segment"
)

const (
	lookups    = 200
	lookupUser = "33000" // whose all jobs of the segment are
)

// lookUp is the part of bench that finds jobs in one large segment on an S3 server
// and reads them, each as a process does that has just been started: with the
// ledger, or without it.
func lookUp(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("lookup", flag.ContinueOnError)
	dir := flags.String("dir", "", "where the ledger is kept while this runs")
	jobs := flags.Int("jobs", 61_500, "in the segment; 61,500 take 128 MB")
	alone := flags.Bool("alone", false, "without the ledger")
	if err := flags.Parse(args); err != nil {
		return err
	}
	g, err := gateway.StartIn(ctx, filepath.Join(*dir, "gateway"), gateway.Options{Bucket: "bench"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	inner, err := openGateway(ctx, g)
	if err != nil {
		return err
	}
	l, err := ledger.Open(ctx, ledger.Config{Path: filepath.Join(*dir, "lookup.db")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	ids, err := putSegment(ctx, inner, l, *dir, *jobs)
	if err != nil {
		return err
	}
	s := &countingStore{Store: inner}
	look := func(id string) error { return readJob(ctx, s, l, id) }
	if *alone {
		look = func(id string) error { return readAlone(ctx, s, id) }
	}
	if err := look(ids[0]); err != nil { // which opens connections
		return err
	}
	return s.measure(ids, look)
}

func openGateway(ctx context.Context, g *gateway.Gateway) (*s3store.Store, error) {
	for _, pair := range g.Env() {
		name, value, _ := strings.Cut(pair, "=")
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	return s3store.Open(ctx, s3store.Config{Bucket: g.Bucket, Endpoint: g.Endpoint, PathStyle: true})
}

// countingStore counts what is asked of a store.
type countingStore struct {
	store.Store
	gets, lists, moved atomic.Int64
}

// Get implements store.Store.
func (c *countingStore) Get(ctx context.Context, key string, part store.Range) (io.ReadCloser, store.Info, error) {
	c.gets.Add(1)
	c.moved.Add(part.Length)
	return c.Store.Get(ctx, key, part)
}

// List implements store.Store.
func (c *countingStore) List(ctx context.Context, o store.ListOptions) iter.Seq2[store.Info, error] {
	c.lists.Add(1)
	return c.Store.List(ctx, o)
}

// measure looks up some jobs and prints what one look-up took.
func (c *countingStore) measure(ids []string, look func(string) error) error {
	c.gets.Store(0)
	c.lists.Store(0)
	c.moved.Store(0)
	rng := rand.New(rand.NewPCG(1, 0))
	cpu, began := ownCPU(), time.Now()
	var took []time.Duration
	for range lookups {
		start := time.Now()
		if err := look(ids[rng.IntN(len(ids))]); err != nil {
			return err
		}
		took = append(took, time.Since(start))
	}
	seconds, used := time.Since(began).Seconds(), (ownCPU() - cpu).Seconds()
	slices.Sort(took)
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"objects": lookups, "bytes": c.moved.Load(), "seconds": seconds, "cpu_seconds": used,
		"median_ms": took[len(took)/2].Seconds() * 1e3, "p99_ms": took[len(took)*99/100].Seconds() * 1e3,
		"gets": float64(c.gets.Load()) / lookups, "lists": float64(c.lists.Load()) / lookups,
	})
}

func readJob(ctx context.Context, s store.Store, l *ledger.Ledger, id string) error {
	job, err := export.Find(ctx, l, export.Wanted{ID: id, User: lookupUser})
	if err != nil {
		return err
	}
	r, err := export.NewReader(s, l)
	if err != nil {
		return err
	}
	return r.Write(ctx, io.Discard, job.Versions[0])
}

func readAlone(ctx context.Context, s store.Store, id string) error {
	found, err := export.Search{Store: s}.Find(ctx, export.Wanted{ID: id, User: lookupUser})
	if err != nil {
		return err
	}
	return found.Reader.Write(ctx, io.Discard, found.Job.Versions[0])
}

// putSegment writes a segment of that many records, and records it. It returns
// the ids of its jobs.
func putSegment(ctx context.Context, s store.Store, l *ledger.Ledger, dir string, jobs int) (ids []string, err error) {
	f, err := os.CreateTemp(dir, "segment-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	a, err := writeSegment(f, jobs)
	if err != nil {
		return nil, err
	}
	body := store.Body{ReaderAt: f, Size: a.Segment.Size}
	sum, crc := sha256.New(), crc32.New(store.Castagnoli)
	if _, err := io.Copy(io.MultiWriter(sum, crc), io.NewSectionReader(f, 0, body.Size)); err != nil {
		return nil, err
	}
	body.SHA256, body.CRC32C = [sha256.Size]byte(sum.Sum(nil)), crc.Sum32()
	a.Segment.SHA256 = body.SHA256
	if err := s.Put(ctx, a.Segment.Key, body, store.PutOptions{}); err != nil {
		return nil, err
	}
	for _, d := range a.Documents {
		ids = append(ids, d.Job)
	}
	_, err = l.AdoptSegment(ctx, a)
	return ids, err
}

// writeSegment makes the records one by one, in the order of a segment.
func writeSegment(f *os.File, jobs int) (a ledger.Adopted, err error) {
	o := corpus.Options{Jobs: jobs, Seed: 1}
	reader, err := jobfile.NewReader(jobfile.Config{User: lookupUser})
	if err != nil {
		return a, err
	}
	type place struct {
		row segment.Row // without its document
		i   int
	}
	places := make([]place, jobs)
	var b []byte
	for i := range places {
		row, err := rowOf(reader, &b, i, o)
		if err != nil {
			return a, err
		}
		row.Document = nil
		places[i] = place{*row, i}
	}
	slices.SortFunc(places, func(a, b place) int { return a.row.Compare(&b.row) })
	out := bufio.NewWriter(f)
	w := segment.NewWriter(out)
	for _, p := range places {
		row, err := rowOf(reader, &b, p.i, o)
		if err != nil {
			return a, err
		}
		if err := w.Write(row); err != nil {
			return a, err
		}
		a.Documents = append(a.Documents, ledger.Document{
			Kind: string(row.Kind), User: row.User, Recipe: row.Recipe, Job: row.Job, Status: row.Status, Time: row.Time,
			Lines: row.Lines, Key: row.Key, Verified: true, InputHash: row.InputHash, SHA256: row.SHA256,
			InputSize: row.InputSize, Size: row.Size, ArchivedAt: row.Time,
		})
	}
	sum, err := w.Close()
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return a, err
	}
	month := sum.Segment.First
	a.Segment = ledger.Segment{
		User: lookupUser, Month: time.Date(month.Year(), month.Month(), 1, 0, 0, 0, 0, time.UTC),
		Rows: sum.Rows, Size: sum.Bytes, Created: sum.Segment.Last,
	}
	a.Segment.Key, err = sum.Segment.Key()
	return a, err
}

// rowOf is a record of the corpus as one of lookupUser's. b is what it is made in.
func rowOf(reader *jobfile.Reader, b *[]byte, i int, o corpus.Options) (*segment.Row, error) {
	record, _, err := corpus.Record((*b)[:0], i, o)
	if *b = record; err != nil {
		return nil, err
	}
	info, err := reader.Read(jobfile.Memory(record), int64(len(record)))
	if err != nil {
		return nil, fmt.Errorf("record %d: %w", i, err)
	}
	key, err := layout.Document{User: lookupUser, Recipe: info.Recipe, Job: info.Job, Time: info.Time, Status: info.Status}.Key()
	return &segment.Row{
		User: lookupUser, Recipe: info.Recipe, Job: info.Job, Kind: info.Kind, Status: info.Status,
		Time: info.Time, StartedAt: info.StartedAt, CompletedAt: info.CompletedAt, ArchivedAt: info.Time,
		Title: info.Title, Error: info.Error, ErrorType: info.ErrorType, Lines: info.LineCount,
		Size: int64(len(record)), InputSize: int64(len(record)), InputHash: info.InputHash, SHA256: sha256.Sum256(record),
		Key: key, Document: record,
	}, err
}

// lookup measures finding and reading one job of a large segment on versitygw, on
// one processor.
func lookup(alone bool) func(context.Context, *bench) (sample, error) {
	return func(ctx context.Context, b *bench) (sample, error) {
		return b.part(ctx, "lookup", "-dir", b.scratch, "-jobs", strconv.Itoa(b.looked), fmt.Sprintf("-alone=%t", alone))
	}
}
