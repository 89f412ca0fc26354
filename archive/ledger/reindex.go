package ledger

import (
	"context"
	"database/sql"
	"slices"

	"logstow/archive/ledger/jobindex"
)

const jobsOfRowsSQL = "SELECT id, job FROM documents WHERE id > ? ORDER BY id LIMIT ?"

// Reindex makes the index of jobs anew, and returns what was wrong with it, as
// JobFaults does; where nothing was it changes nothing. What is doubled stays so.
func (l *Ledger) Reindex(ctx context.Context) ([]JobFault, error) {
	wrong, err := l.JobFaults(ctx)
	if err != nil || !slices.ContainsFunc(wrong, func(f JobFault) bool { return !f.Doubled }) {
		return nil, err
	}
	err = l.write(ctx, "reindex", func(ctx context.Context, tx *sql.Tx) error {
		return indexJobs(ctx, tx, jobindex.MaxEntries)
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(wrong, func(f JobFault) bool { return f.Doubled }), nil
}

// indexJobs makes the index of jobs anew, whatever it was. It holds the entries of so
// many documents at once, whatever their number.
func indexJobs(ctx context.Context, tx *sql.Tx, atOnce int) error {
	runs := &jobRuns{}
	if err := tx.QueryRowContext(ctx, jobsVersionSQL).Scan(&runs.version); err != nil {
		return err
	}
	entries, err := entriesAfter(ctx, tx, 0, atOnce)
	if err != nil || len(entries) == 0 {
		return err // without rows it has nothing, and its version must not fall
	}
	for _, table := range []string{"job_buckets", "job_filters", "job_runs"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table); err != nil {
			return err
		}
	}
	for len(entries) > 0 {
		last := entries[len(entries)-1].ID
		if runs, err = runs.withEntries(ctx, tx, entries); err != nil {
			return err
		}
		if entries, err = entriesAfter(ctx, tx, last, atOnce); err != nil {
			return err
		}
	}
	return nil
}

// entriesAfter returns the entries of the first n rows after one.
func entriesAfter(ctx context.Context, tx *sql.Tx, id int64, n int) ([]jobindex.Entry, error) {
	rows, err := tx.QueryContext(ctx, jobsOfRowsSQL, id, n)
	if err != nil {
		return nil, err
	}
	return collect(rows, 0, scanEntry)
}

func scanEntry(rows *sql.Rows) (e jobindex.Entry, err error) {
	var job sql.RawBytes
	err = rows.Scan(&e.ID, &job)
	e.Hash = jobindex.Hash(job)
	return e, err
}
