package ledger

import (
	"context"
	"database/sql"
	"fmt"

	"logstow/archive/ledger/jobindex"
)

// bucketsOfJobSQL has of every run the bucket of a hash.
const bucketsOfJobSQL = `SELECT r.id, r.entries, r.first_document, r.last_document, b.id IS NOT NULL, b.entries FROM job_runs AS r
LEFT JOIN job_buckets AS b ON b.id = (r.id << 20) + ((? * r.buckets) >> 32)`

// ofJob is the condition that a row is of a job.
type ofJob struct {
	condition string
	args      []any
}

// ofJob returns the condition that a row is of a job: it names the rows that may
// be. What is recorded after this isn't found by it.
func (l *Ledger) ofJob(ctx context.Context, job string) (ofJob, error) {
	has, err := l.has(ctx, jobsSince)
	if err != nil {
		return ofJob{}, err
	}
	if !has {
		return ofJob{"job = ?", []any{job}}, nil
	}
	return ofJobIn(ctx, l.reader, job)
}

// queryer is a database or a transaction.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// ofJobIn is Ledger.ofJob where the schema has the index of jobs. It reads one
// bucket of each run, and no filter.
func ofJobIn(ctx context.Context, q queryer, job string) (ofJob, error) {
	hash := jobindex.Hash(job)
	rows, err := q.QueryContext(ctx, bucketsOfJobSQL, int64(hash))
	if err != nil {
		return ofJob{}, err
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		if ids, err = scanBucket(rows, hash, ids); err != nil {
			return ofJob{}, fmt.Errorf("index of jobs: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return ofJob{}, err
	}
	return ofJob{amongIDs + " AND +job = ?", []any{idList(ids), job}}, nil
}

// scanBucket appends what the bucket of a run has of a hash.
func scanBucket(rows *sql.Rows, hash uint32, ids []int64) ([]int64, error) {
	var id int64
	var r jobindex.Run
	var there bool
	var bucket sql.RawBytes // nil where it is empty, too
	if err := rows.Scan(&id, &r.Entries, &r.First, &r.Last, &there, &bucket); err != nil {
		return nil, err
	}
	if err := r.Check(); err != nil {
		return nil, fmt.Errorf("run %d: %w", id, err)
	}
	if !there {
		return nil, fmt.Errorf("run %d: %w: bucket %d is missing", id, jobindex.ErrDamaged, r.Bucket(hash))
	}
	return r.Find(bucket, hash, ids)
}
