package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"logstow/archive/ledger/jobindex"
)

const (
	versionColumns = "SELECT id, job, user_id, input_hash, state, revision, overflow, verified, key FROM documents WHERE "
	versionsSQL    = versionColumns + amongIDs

	// olderVersionsSQL is for schemas before jobsSince.
	olderVersionsSQL = versionColumns + "job = ? AND user_id = ?"
)

// found is a version and its place in the order of recording.
type found struct {
	id int64
	Version
}

// Find returns, for each ref and in their order, all versions of that job
// whatever their state, in the order of recording; nil where there are none.
// What was committed before the call is seen.
func (l *Ledger) Find(ctx context.Context, refs []Ref) ([][]Version, error) {
	var all [][]found
	err := l.call("find", func() error {
		has, err := l.has(ctx, jobsSince)
		if err != nil {
			return err
		}
		if !has {
			all, err = l.findOlder(ctx, refs)
			return err
		}
		return l.snapshot(ctx, func(r jobReader) error {
			runs, err := r.runs(ctx)
			if err == nil {
				all, err = r.versions(ctx, runs, refs, hashesOf(refs))
			}
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	versions := make([][]Version, len(refs))
	for i := range all {
		versions[i] = inOrder(all[i])
	}
	return versions, nil
}

func hashesOf(refs []Ref) []uint32 {
	all := make([]uint32, len(refs))
	for i := range refs {
		all[i] = jobindex.Hash(refs[i].Job)
	}
	return all
}

// versions returns the versions of each ref; nil where there are none at all.
// Hashes are those of their jobs.
func (r *jobReader) versions(ctx context.Context, runs *jobRuns, refs []Ref, hashes []uint32) ([][]found, error) {
	candidates, err := r.candidates(ctx, runs, hashes)
	if err != nil || len(candidates) == 0 {
		return nil, err
	}
	all := make([][]found, len(refs))
	for chunk := range slices.Chunk(rowsOfCandidates(candidates), lookedUpAtOnce) {
		rows, err := r.query(ctx, r.stmts.rows, versionsSQL, idList(chunk))
		if err != nil {
			return nil, err
		}
		if err := scanVersions(rows, refs, candidates, all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// rowsOfCandidates returns the ids of candidates, each once.
func rowsOfCandidates(all []candidate) []int64 {
	ids := make([]int64, len(all))
	for i, c := range all {
		ids[i] = c.id
	}
	return slices.Compact(ids)
}

// scanVersions appends to what was found of each ref those rows that are of it.
func scanVersions(rows *sql.Rows, refs []Ref, candidates []candidate, all [][]found) error {
	defer rows.Close()
	for rows.Next() {
		var f found
		var job, user, hash sql.RawBytes
		if err := rows.Scan(&f.id, &job, &user, &hash, &f.State, &f.Revision, &f.Overflow, &f.Verified, &f.Key); err != nil {
			return err
		}
		if err := f.InputHash.set(hash); err != nil {
			return err
		}
		at, _ := slices.BinarySearchFunc(candidates, f.id, func(c candidate, id int64) int { return cmp.Compare(c.id, id) })
		for ; at < len(candidates) && candidates[at].id == f.id; at++ {
			if of := candidates[at].of; refs[of].Job == string(job) && refs[of].User == string(user) {
				all[of] = append(all[of], f)
			}
		}
	}
	return rows.Err()
}

// findOlder finds the versions of refs in a ledger that has no index of jobs.
func (l *Ledger) findOlder(ctx context.Context, refs []Ref) ([][]found, error) {
	all := make([][]found, len(refs))
	for i, ref := range refs {
		rows, err := l.reader.QueryContext(ctx, olderVersionsSQL, ref.Job, ref.User)
		if err != nil {
			return nil, err
		}
		all[i], err = collect(rows, 0, func(rows *sql.Rows) (f found, err error) {
			var job, user, hash sql.RawBytes
			if err := rows.Scan(&f.id, &job, &user, &hash, &f.State, &f.Revision, &f.Overflow, &f.Verified, &f.Key); err != nil {
				return f, err
			}
			return f, f.InputHash.set(hash)
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func inOrder(all []found) []Version {
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b found) int { return cmp.Compare(a.id, b.id) })
	versions := make([]Version, len(all))
	for i, f := range all {
		versions[i] = f.Version
	}
	return versions
}
