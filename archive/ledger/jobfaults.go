package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"logstow/archive/ledger/jobindex"
)

// JobFault is something wrong with the index of jobs, or with what it keeps from
// being wrong.
type JobFault struct {
	Document int64 // 0: no one in particular
	Reason   string
	Doubled  bool // a version was recorded twice, which Reindex leaves as it is
}

// maxJobFaults is how many faults are told.
const maxJobFaults = 20

const (
	allJobsSQL = "SELECT id, job FROM documents ORDER BY id"
	doublesSQL = "SELECT id, job, user_id, input_hash FROM documents WHERE " + amongIDs + " ORDER BY id"
)

// JobFaults looks through all documents, and returns those that aren't found by
// their jobs and those that were recorded twice: nothing where all is well, and
// some of it where there is much. It takes as long as reading the whole ledger
// does.
func (l *Ledger) JobFaults(ctx context.Context) (faults []JobFault, err error) {
	err = l.apart("job faults", func(db *sql.DB) error {
		if has, err := l.has(ctx, jobsSince); err != nil || !has {
			return err // the database sees to it
		}
		tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // nothing was written
		f := faultFinder{tx: tx}
		err = f.find(ctx)
		if faults = f.faults; errors.Is(err, jobindex.ErrDamaged) {
			faults, err = append(faults, JobFault{Reason: err.Error()}), nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return faults, nil
}

// faultFinder looks for faults in a transaction.
type faultFinder struct {
	tx     *sql.Tx
	runs   []*jobRun // in the order of their rows
	faults []JobFault

	at      int              // of the run that entries is of
	entries []jobindex.Entry // in the order of their rows
}

// find returns jobindex.ErrDamaged where it can't go on.
func (f *faultFinder) find(ctx context.Context) (err error) {
	if f.runs, err = readJobRuns(ctx, f.tx); err != nil {
		return err
	}
	slices.SortFunc(f.runs, func(a, b *jobRun) int { return cmp.Compare(a.First, b.First) })
	if err := f.unindexed(ctx); err != nil {
		return err
	}
	return f.doubled(ctx)
}

func (f *faultFinder) add(fault JobFault) {
	if len(f.faults) < maxJobFaults {
		f.faults = append(f.faults, fault)
	}
}

// unindexed looks for each row's entry.
func (f *faultFinder) unindexed(ctx context.Context) error {
	if err := f.load(ctx); err != nil {
		return err
	}
	rows, err := f.tx.QueryContext(ctx, allJobsSQL)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() && len(f.faults) < maxJobFaults {
		e, err := scanEntry(rows)
		if err != nil {
			return err
		}
		for f.at < len(f.runs) && f.runs[f.at].Last < e.ID {
			f.at++
			if err := f.load(ctx); err != nil {
				return err
			}
		}
		at, ok := slices.BinarySearchFunc(f.entries, e.ID, func(e jobindex.Entry, id int64) int { return cmp.Compare(e.ID, id) })
		if !ok || f.entries[at].Hash != e.Hash {
			f.add(JobFault{Document: e.ID, Reason: fmt.Sprintf("row %d isn't found by its job", e.ID)})
		}
	}
	return rows.Err()
}

// load reads the entries of a run, and looks whether its filter has all of them.
func (f *faultFinder) load(ctx context.Context) error {
	f.entries = f.entries[:0]
	if f.at == len(f.runs) {
		return nil
	}
	run := f.runs[f.at]
	if err := run.readFilter(ctx, f.tx); err != nil {
		return err
	}
	defer func() { run.filter = jobindex.Filter{} }() // one at a time is held
	source, err := run.open(ctx, f.tx)
	if err != nil {
		return err
	}
	for {
		some, err := source.next()
		if err != nil || len(some) == 0 {
			slices.SortFunc(f.entries, func(a, b jobindex.Entry) int { return cmp.Compare(a.ID, b.ID) })
			return errors.Join(err, source.rows.Close())
		}
		for _, e := range some {
			if m := jobindex.Mix(e.Hash); !run.filter.May(&m) {
				f.add(JobFault{Document: e.ID, Reason: fmt.Sprintf("the filter of run %d lacks row %d", run.id, e.ID)})
			}
		}
		f.entries = append(f.entries, some...)
	}
}

// doubled looks for rows that are the same version.
func (f *faultFinder) doubled(ctx context.Context) (err error) {
	var sources []jobindex.Source
	for _, run := range f.runs {
		s, err := run.open(ctx, f.tx)
		if err != nil {
			return err
		}
		defer s.rows.Close()
		sources = append(sources, s.next)
	}
	var same []int64 // rows of one hash
	var hash uint32
	err = jobindex.Merge(sources, func(e jobindex.Entry) error {
		if e.Hash != hash {
			if err := f.compare(ctx, same); err != nil {
				return err
			}
			same, hash = same[:0], e.Hash
		}
		same = append(same, e.ID)
		return nil
	})
	if err != nil {
		return err
	}
	return f.compare(ctx, same)
}

// compare looks whether rows are the same version.
func (f *faultFinder) compare(ctx context.Context, ids []int64) error {
	if len(ids) < 2 {
		return nil
	}
	rows, err := f.tx.QueryContext(ctx, doublesSQL, idList(ids))
	if err != nil {
		return err
	}
	defer rows.Close()
	type version struct{ job, user, input string }
	first := map[version]int64{}
	for rows.Next() {
		var id int64
		var v version
		if err := rows.Scan(&id, &v.job, &v.user, &v.input); err != nil {
			return err
		}
		if as, ok := first[v]; ok {
			f.add(JobFault{Document: id, Reason: fmt.Sprintf("row %d is the same version as row %d", id, as), Doubled: true})
			continue
		}
		first[v] = id
	}
	return rows.Err()
}
