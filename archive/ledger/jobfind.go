package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"

	"logstow/archive/ledger/jobindex"
)

const (
	// amongIDs is the rows of a list of ids, which idList makes: there may be more
	// of them than a statement can have values.
	amongIDs = "id IN (SELECT value FROM json_each(?))"

	bucketsSQL = "SELECT id, entries FROM job_buckets WHERE " + amongIDs
)

// lookedUpAtOnce is how many buckets, or rows, one statement reads, so that what
// is held of them is bounded.
const lookedUpAtOnce = 1000

// idList is a value for amongIDs.
func idList(ids []int64) string {
	b := make([]byte, 0, 12*len(ids)+2)
	b = append(b, '[')
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, id, 10)
	}
	return string(append(b, ']'))
}

// jobStmts are what is prepared on the connections of a reader or a writer; nil
// where the schema had no index of jobs when it was opened.
type jobStmts struct {
	version, buckets, rows *sql.Stmt
}

// jobReader looks jobs up in a transaction, which sees the same state throughout.
type jobReader struct {
	tx    *sql.Tx
	stmts jobStmts
	cache *jobCache
}

func (r *jobReader) query(ctx context.Context, prepared *sql.Stmt, query string, args ...any) (*sql.Rows, error) {
	if prepared == nil {
		return r.tx.QueryContext(ctx, query, args...)
	}
	return r.tx.StmtContext(ctx, prepared).QueryContext(ctx, args...)
}

// snapshot runs f in a transaction that reads.
func (l *Ledger) snapshot(ctx context.Context, f func(r jobReader) error) error {
	tx, err := l.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	return f(jobReader{tx, l.readJobs, &l.jobs})
}

// ask is a bucket that may have what is looked for.
type ask struct {
	bucket int64
	run    *jobRun
	of     int // which of the hashes
}

// candidate is a row that may be what is looked for.
type candidate struct {
	id int64
	of int // which of the hashes
}

// asks returns the buckets that the filters don't rule out, in their order.
func (r *jobReader) asks(runs *jobRuns, hashes []uint32) []ask {
	var all []ask
	for i, hash := range hashes {
		m := jobindex.Mix(hash)
		for _, run := range runs.runs {
			if run.filter.May(&m) && !r.cache.isMiss(miss{run.id, hash}) {
				all = append(all, ask{run.bucket(run.Bucket(hash)), run, i})
			}
		}
	}
	slices.SortFunc(all, func(a, b ask) int { return cmp.Compare(a.bucket, b.bucket) })
	return all
}

// candidates returns the rows that may be of jobs with these hashes, by id.
func (r *jobReader) candidates(ctx context.Context, runs *jobRuns, hashes []uint32) ([]candidate, error) {
	asks := r.asks(runs, hashes)
	var found []candidate
	for len(asks) > 0 {
		var ids []int64
		n := 0
		for ; n < len(asks); n++ {
			if last := len(ids) - 1; last >= 0 && ids[last] == asks[n].bucket {
				continue
			}
			if len(ids) == lookedUpAtOnce {
				break
			}
			ids = append(ids, asks[n].bucket)
		}
		var err error
		if found, err = r.askBuckets(ctx, ids, asks[:n], hashes, found); err != nil {
			return nil, fmt.Errorf("index of jobs: %w", err)
		}
		asks = asks[n:]
	}
	slices.SortFunc(found, func(a, b candidate) int { return cmp.Compare(a.id, b.id) })
	return found, nil
}

// askBuckets appends what the buckets ids have of the hashes that asks ask for.
func (r *jobReader) askBuckets(ctx context.Context, ids []int64, asks []ask, hashes []uint32, found []candidate) ([]candidate, error) {
	rows, err := r.query(ctx, r.stmts.buckets, bucketsSQL, idList(ids))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var of []int64
	read := 0
	for ; rows.Next(); read++ {
		var id int64
		var bucket sql.RawBytes
		if err := rows.Scan(&id, &bucket); err != nil {
			return nil, err
		}
		at, _ := slices.BinarySearchFunc(asks, id, func(a ask, id int64) int { return cmp.Compare(a.bucket, id) })
		for ; at < len(asks) && asks[at].bucket == id; at++ {
			if of, err = asks[at].run.Find(bucket, hashes[asks[at].of], of[:0]); err != nil {
				return nil, err
			}
			if len(of) == 0 {
				r.cache.missed(miss{asks[at].run.id, hashes[asks[at].of]})
			}
			for _, id := range of {
				found = append(found, candidate{id, asks[at].of})
			}
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if read != len(ids) {
		return nil, fmt.Errorf("%w: %d of %d buckets", jobindex.ErrDamaged, read, len(ids))
	}
	return found, nil
}
