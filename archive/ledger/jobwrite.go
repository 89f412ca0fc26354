package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"logstow/archive/ledger/jobindex"
)

const (
	insertJobRunSQL = `INSERT INTO job_runs (id, entries, buckets, first_document, last_document)
VALUES (?, ?, ?, ?, ?)`
	insertJobFilterSQL = "INSERT INTO job_filters (run, filter) VALUES (?, ?)"
	bucketsOfRunSQL    = "SELECT id, entries FROM job_buckets WHERE id >= ? AND id < ? ORDER BY id"
	dropBucketsSQL     = "DELETE FROM job_buckets WHERE id >= ? AND id < ?"
	dropJobFilterSQL   = "DELETE FROM job_filters WHERE run = ?"
	dropJobRunSQL      = "DELETE FROM job_runs WHERE id = ?"
)

// bucketRows is how many buckets one statement inserts.
const bucketRows = 16

var insertBucketsSQL = "INSERT INTO job_buckets (id, entries) VALUES " + rowsOf("?, ?", bucketRows)

const insertBucketSQL = "INSERT INTO job_buckets (id, entries) VALUES (?, ?)"

// withEntries adds entries, which are in the order of their ids, to the index of
// jobs, and returns the runs that it has then. They may be kept once the
// transaction has taken effect.
func (r *jobRuns) withEntries(ctx context.Context, tx *sql.Tx, entries []jobindex.Entry) (*jobRuns, error) {
	for chunk := range slices.Chunk(entries, jobindex.MaxEntries) {
		var err error
		if r, err = r.withRun(ctx, tx, chunk); err != nil {
			return nil, fmt.Errorf("index of jobs: %w", err)
		}
	}
	return r, nil
}

// withRun makes a run of entries, which it sorts, and of the youngest of the
// others where they are to be merged.
func (r *jobRuns) withRun(ctx context.Context, tx *sql.Tx, entries []jobindex.Entry) (_ *jobRuns, err error) {
	fresh := jobindex.Run{Entries: len(entries), First: entries[0].ID, Last: entries[len(entries)-1].ID}
	slices.SortFunc(entries, jobindex.Compare)
	all := make([]jobindex.Run, 0, len(r.runs)+1)
	for _, old := range r.runs {
		all = append(all, old.Run)
	}
	all = append(all, fresh)
	n := max(jobindex.Mergeable(all), 1)
	kept, merged := r.runs[:len(all)-n], r.runs[len(all)-n:]

	made := &jobRun{id: r.version + 1, Run: jobindex.Union(all[len(all)-n:])}
	sources := []jobindex.Source{atOnce(entries)}
	for _, old := range merged {
		s, err := old.open(ctx, tx)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, s.rows.Close()) }()
		sources = append(sources, s.next)
	}
	if err := made.write(ctx, tx, sources); err != nil {
		return nil, err
	}
	for _, old := range merged {
		if err := old.remove(ctx, tx); err != nil {
			return nil, err
		}
	}
	return &jobRuns{version: made.id, runs: append(slices.Clone(kept), made)}, nil
}

// atOnce is the source of a run that is in memory.
func atOnce(entries []jobindex.Entry) jobindex.Source {
	return func() ([]jobindex.Entry, error) {
		all := entries
		entries = nil
		return all, nil
	}
}

// write writes a run with the entries of sources, and sets its filter.
func (r *jobRun) write(ctx context.Context, tx *sql.Tx, sources []jobindex.Source) error {
	w := bucketWriter{tx: tx, run: r}
	b, err := jobindex.NewBuilder(r.Run, func(number int, bucket []byte) error { return w.add(ctx, number, bucket) })
	if err != nil {
		return err
	}
	if err := jobindex.Merge(sources, b.Add); err != nil {
		return err
	}
	if r.filter, err = b.Finish(); err != nil {
		return err
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, insertJobFilterSQL, r.id, r.filter.Bytes()); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, insertJobRunSQL, r.id, r.Entries, r.Buckets(), r.First, r.Last)
	return err
}

// remove removes a run.
func (r *jobRun) remove(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, dropBucketsSQL, r.bucket(0), r.bucket(r.Buckets())); err != nil {
		return err
	}
	for _, query := range []string{dropJobFilterSQL, dropJobRunSQL} {
		if _, err := tx.ExecContext(ctx, query, r.id); err != nil {
			return err
		}
	}
	return nil
}

// bucketWriter inserts the buckets of a run, several at a time.
type bucketWriter struct {
	tx   *sql.Tx
	run  *jobRun
	args []any
}

func (w *bucketWriter) add(ctx context.Context, number int, bucket []byte) error {
	w.args = append(w.args, w.run.bucket(number), append([]byte{}, bucket...))
	if len(w.args) < 2*bucketRows {
		return nil
	}
	_, err := w.tx.ExecContext(ctx, insertBucketsSQL, w.args...)
	w.args = w.args[:0]
	return err
}

// flush inserts those that are left.
func (w *bucketWriter) flush(ctx context.Context) error {
	for one := range slices.Chunk(w.args, 2) {
		if _, err := w.tx.ExecContext(ctx, insertBucketSQL, one...); err != nil {
			return err
		}
	}
	return nil
}

// runReader reads the buckets of a run in their order.
type runReader struct {
	run     *jobRun
	rows    *sql.Rows
	number  int // of the next bucket
	entries []jobindex.Entry
}

func (r *jobRun) open(ctx context.Context, tx *sql.Tx) (*runReader, error) {
	rows, err := tx.QueryContext(ctx, bucketsOfRunSQL, r.bucket(0), r.bucket(r.Buckets())) //nolint:rowserrcheck // next does
	if err != nil {
		return nil, err
	}
	return &runReader{run: r, rows: rows}, nil
}

// next is a jobindex.Source.
func (s *runReader) next() ([]jobindex.Entry, error) {
	for s.rows.Next() {
		var id int64
		var bucket sql.RawBytes
		err := s.rows.Scan(&id, &bucket)
		if err != nil {
			return nil, err
		}
		if id != s.run.bucket(s.number) {
			break
		}
		if s.entries, err = s.run.Decode(s.number, bucket, s.entries[:0]); err != nil {
			return nil, fmt.Errorf("run %d: %w", s.run.id, err)
		}
		if s.number++; len(s.entries) > 0 {
			return s.entries, nil
		}
	}
	if err := s.rows.Err(); err != nil {
		return nil, err
	}
	if s.number != s.run.Buckets() {
		return nil, fmt.Errorf("run %d: %w: bucket %d is missing", s.run.id, jobindex.ErrDamaged, s.number)
	}
	return nil, nil
}
