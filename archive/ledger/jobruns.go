package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"

	"logstow/archive/ledger/jobindex"
)

// jobsSince is the schema that has the index of jobs. Before it there was the
// database's index documents_identity.
const jobsSince = 5

const (
	jobsVersionSQL = "SELECT coalesce(max(id), 0) FROM job_runs"
	jobRunsSQL     = "SELECT id, entries, buckets, first_document, last_document FROM job_runs ORDER BY id"
	jobFilterSQL   = "SELECT filter FROM job_filters WHERE run = ?"
)

// jobRun is a run of the index of jobs.
type jobRun struct {
	id int64
	jobindex.Run
	filter jobindex.Filter
}

// bucket is the id of one of its buckets.
func (r *jobRun) bucket(number int) int64 { return r.id<<jobindex.BucketBits + int64(number) }

// jobRuns are the runs that a transaction sees, the oldest first. They are never
// changed.
type jobRuns struct {
	version int64 // the greatest id of a run
	runs    []*jobRun
}

// jobCache keeps the runs that were seen last.
type jobCache struct {
	resident func(bytes int64) // what the runs take; nil: nobody asks

	mu     sync.Mutex // guards last and misses
	last   *jobRuns
	misses map[miss]bool
}

// miss is that a run doesn't have a hash, although its filter doesn't tell so. What
// is looked up before it is written is looked up again when it is recorded.
type miss struct {
	run  int64
	hash uint32
}

// maxMisses is how many misses are kept.
const maxMisses = 1 << 13

// missed keeps that a run, which is committed, doesn't have a hash.
func (c *jobCache) missed(m miss) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.misses) >= maxMisses {
		clear(c.misses)
	}
	if c.misses == nil {
		c.misses = map[miss]bool{}
	}
	c.misses[m] = true
}

func (c *jobCache) isMiss(m miss) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.misses[m]
}

// seen returns the newest runs that were seen.
func (c *jobCache) seen() *jobRuns {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		return &jobRuns{}
	}
	return c.last
}

// keep keeps runs that are committed, unless newer ones were seen.
func (c *jobCache) keep(r *jobRuns) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r == nil || c.last != nil && r.version <= c.last.version {
		return
	}
	c.last = r
	if c.resident != nil {
		c.resident(r.size())
	}
}

// size is the bytes of memory that runs take.
func (r *jobRuns) size() int64 {
	var size int64
	for _, run := range r.runs {
		size += run.filter.Size()
	}
	return size
}

// runs returns the runs that the transaction sees, which has changed none of
// them. It reads those that were not seen before.
func (r *jobReader) runs(ctx context.Context) (*jobRuns, error) {
	known := r.cache.seen()
	version, err := r.version(ctx)
	if err != nil {
		return nil, err
	}
	if version == known.version {
		return known, nil
	}
	runs, err := readJobRuns(ctx, r.tx)
	if err != nil {
		return nil, fmt.Errorf("index of jobs: %w", err)
	}
	for i, run := range runs {
		if at, ok := slices.BinarySearchFunc(known.runs, run.id, compareRunID); ok {
			runs[i] = known.runs[at]
			continue
		}
		if err := run.readFilter(ctx, r.tx); err != nil {
			return nil, fmt.Errorf("index of jobs: %w", err)
		}
	}
	seen := &jobRuns{version: version, runs: runs}
	r.cache.keep(seen)
	return seen, nil
}

func (r *jobReader) version(ctx context.Context) (version int64, err error) {
	rows, err := r.query(ctx, r.stmts.version, jobsVersionSQL)
	if err != nil {
		return 0, err
	}
	all, err := collect(rows, 1, func(rows *sql.Rows) (v int64, err error) {
		err = rows.Scan(&v)
		return v, err
	})
	if err != nil {
		return 0, err
	}
	return all[0], nil
}

func compareRunID(r *jobRun, id int64) int { return cmp.Compare(r.id, id) }

// readJobRuns reads the runs without their filters, the oldest first.
func readJobRuns(ctx context.Context, tx *sql.Tx) ([]*jobRun, error) {
	rows, err := tx.QueryContext(ctx, jobRunsSQL)
	if err != nil {
		return nil, err
	}
	return collect(rows, 0, func(rows *sql.Rows) (*jobRun, error) {
		r, buckets := &jobRun{}, 0
		if err := rows.Scan(&r.id, &r.Entries, &buckets, &r.First, &r.Last); err != nil {
			return nil, err
		}
		if err := r.Check(); err != nil {
			return nil, fmt.Errorf("run %d: %w", r.id, err)
		}
		if buckets != r.Buckets() {
			return nil, fmt.Errorf("run %d: %w: %d buckets for %d entries", r.id, jobindex.ErrDamaged, buckets, r.Entries)
		}
		return r, nil
	})
}

func (r *jobRun) readFilter(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, jobFilterSQL, r.id)
	if err != nil {
		return fmt.Errorf("filter of run %d: %w", r.id, err)
	}
	found, err := collect(rows, 1, func(rows *sql.Rows) (f jobindex.Filter, err error) {
		var b sql.RawBytes // it may be large
		if err := rows.Scan(&b); err != nil {
			return f, err
		}
		return jobindex.ParseFilter(r.Run, b)
	})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%w: it is missing", jobindex.ErrDamaged)
	}
	if err != nil {
		return fmt.Errorf("filter of run %d: %w", r.id, err)
	}
	r.filter = found[0]
	return nil
}
