package ledger

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
)

// versionRows are the numbers of refs that one statement looks up, largest
// first. The last chunk of a call is filled up with refs that match nothing.
var versionRows = [...]int{250, 50, 10, 1}

// versionsSQL finds the versions of a number of refs. The join is written so
// that every database goes from the refs to the index, never the other way.
func versionsSQL(refs int) string {
	var b strings.Builder
	b.WriteString("WITH refs (i, job, user_id) AS (VALUES ")
	for i := range refs {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(" + strconv.Itoa(i) + ", ?, ?)")
	}
	b.WriteString(`)
SELECT refs.i, d.id, d.input_hash, d.state, d.revision, d.overflow, d.verified, d.key
FROM refs CROSS JOIN documents AS d
WHERE d.job = refs.job AND d.user_id = refs.user_id`)
	return b.String()
}

// found is a version and its place in the order of recording.
type found struct {
	id int64
	Version
}

// Find returns, for each ref and in their order, all versions of that job
// whatever their state, in the order of recording; nil where there are none.
// What was committed before the call is seen.
func (l *Ledger) Find(ctx context.Context, refs []Ref) ([][]Version, error) {
	all := make([][]Version, len(refs))
	err := l.call("find", func() error {
		for done := 0; done < len(refs); {
			stmt := l.statementFor(len(refs) - done)
			chunk := refs[done:min(done+stmt.rows, len(refs))]
			if err := findChunk(ctx, stmt, chunk, all[done:]); err != nil {
				return err
			}
			done += len(chunk)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// statementFor returns the smallest statement that takes n refs, or the
// largest there is.
func (l *Ledger) statementFor(n int) batchStmt {
	for _, s := range slices.Backward(l.selectVersions) {
		if s.rows >= n {
			return s
		}
	}
	return l.selectVersions[0]
}

func findChunk(ctx context.Context, s batchStmt, refs []Ref, into [][]Version) error {
	args := make([]any, 2*s.rows)
	for i, r := range refs {
		args[2*i], args[2*i+1] = r.Job, r.User
	}
	rows, err := s.stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	versions := make([][]found, len(refs))
	for rows.Next() {
		var i int
		var f found
		if err := f.scan(rows, &i); err != nil {
			return err
		}
		versions[i] = append(versions[i], f)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for i, v := range versions {
		into[i] = inOrder(v)
	}
	return nil
}

func (f *found) scan(rows *sql.Rows, i *int) error {
	var hash sql.RawBytes
	if err := rows.Scan(i, &f.id, &hash, &f.State, &f.Revision, &f.Overflow, &f.Verified, &f.Key); err != nil {
		return err
	}
	return f.InputHash.set(hash)
}

func inOrder(all []found) []Version {
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b found) int { return int(a.id - b.id) })
	versions := make([]Version, len(all))
	for i, f := range all {
		versions[i] = f.Version
	}
	return versions
}
