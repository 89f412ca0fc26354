package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"iter"
	"slices"
)

// Recorded yields the documents with After < ID <= upTo whatever their state,
// in the order of recording. It reads page by page and holds nothing in
// between. The first error ends it.
func (l *Ledger) Recorded(ctx context.Context, after, upTo int64) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		for {
			var page []Document
			err := l.call("recorded", func() (err error) {
				page, err = l.documents(ctx, recordedSQL, []any{after, upTo, l.page}, l.page)
				return err
			})
			if err != nil {
				yield(Document{}, err)
				return
			}
			for _, d := range page {
				if !yield(d, nil) {
					return
				}
			}
			if len(page) < l.page {
				return
			}
			after = page[len(page)-1].ID
		}
	}
}

var recordedSQL = selectAnyState + " WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"

// Place is where a version of a job may lie that is in no segment.
type Place struct {
	User, Job, Key string
}

// At returns the versions, whatever their state, that lie at these places, or would
// if they didn't lie in a segment, in the order of recording; nothing for a place
// where there are none. What was committed before the call is seen.
func (l *Ledger) At(ctx context.Context, places []Place) (map[Place][]Document, error) {
	var all map[Place][]Document
	err := l.call("at", func() error {
		ids, err := l.rowsAt(ctx, places)
		if err != nil {
			return err
		}
		wanted := make(map[Place]bool, len(places))
		for _, p := range places {
			wanted[p] = true
		}
		all = map[Place][]Document{}
		for chunk := range slices.Chunk(ids, lookedUpAtOnce) {
			docs, err := l.documents(ctx, byIDListSQL, []any{idList(chunk)}, len(chunk))
			if err != nil {
				return err
			}
			for _, d := range docs {
				if p := (Place{d.User, d.Job, d.Key}); wanted[p] {
					all[p] = append(all[p], d)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, docs := range all {
		slices.SortFunc(docs, func(a, b Document) int { return cmp.Compare(a.ID, b.ID) })
	}
	return all, nil
}

var byIDListSQL = selectAnyState + " WHERE " + amongIDs

// rowsAt returns the rows of the jobs of places, and may return others.
func (l *Ledger) rowsAt(ctx context.Context, places []Place) (ids []int64, err error) {
	refs := make([]Ref, len(places))
	for i, p := range places {
		refs[i] = Ref{p.User, p.Job}
	}
	has, err := l.has(ctx, jobsSince)
	if err != nil {
		return nil, err
	}
	if !has {
		older, err := l.findOlder(ctx, refs)
		for _, f := range slices.Concat(older...) {
			ids = append(ids, f.id)
		}
		slices.Sort(ids)
		return slices.Compact(ids), err
	}
	err = l.snapshot(ctx, func(r jobReader) error {
		runs, err := r.runs(ctx)
		if err != nil {
			return err
		}
		candidates, err := r.candidates(ctx, runs, hashesOf(refs))
		ids = rowsOfCandidates(candidates)
		return err
	})
	return ids, err
}

// QuarantinedAt returns, by their keys, the quarantined records whose raw bytes
// belong at these keys, whatever became of them.
func (l *Ledger) QuarantinedAt(ctx context.Context, keys []string) (map[string]Quarantined, error) {
	all := map[string]Quarantined{}
	err := l.call("quarantined at", func() error {
		for chunk := range slices.Chunk(keys, pageRows) {
			rows, err := l.reader.QueryContext(ctx, quarantinedAtSQL(len(chunk)), anys(chunk, itself)...)
			if err != nil {
				return err
			}
			found, err := collect(rows, 0, scanQuarantined)
			if err != nil {
				return err
			}
			for _, q := range found {
				all[q.Key] = q
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func quarantinedAtSQL(n int) string {
	return selectQuarantined + " WHERE key IN (" + placeholders(n) + ")"
}

const selectQuarantined = "SELECT id, source, part, byte_offset, sha256, size, key, reason, quarantined_at, state FROM quarantined"

// apart runs f, which reads the whole file, on a connection of its own: whoever
// wants to know a little doesn't wait for those that take minutes.
func (l *Ledger) apart(op string, f func(db *sql.DB) error) error {
	return l.call(op, func() error {
		db, err := connect(l.path, "ro", l.busy, readerCacheKiB, 1)
		if err != nil {
			return err
		}
		return errors.Join(f(db), db.Close())
	})
}

// Drift is a kind and a state of documents whose count, or whose bytes, the
// ledger has wrong.
type Drift struct {
	Kind                        string
	State                       State
	Counted, CountedBytes       int64 // by the transactions that changed them
	Documents, BytesOfDocuments int64 // that there are
}

const driftSQL = `SELECT kind, state, sum(counted), sum(counted_bytes), sum(documents), sum(bytes) FROM (
  SELECT kind, state, documents AS counted, bytes AS counted_bytes, 0 AS documents, 0 AS bytes FROM totals
  UNION ALL
  SELECT kind, state, 0, 0, count(*), sum(size) FROM documents GROUP BY kind, state
) AS both_of_them GROUP BY kind, state
HAVING sum(counted) <> sum(documents) OR sum(counted_bytes) <> sum(bytes) ORDER BY kind, state`

// Drifts counts all documents, and returns where Counts, which doesn't, would
// be wrong. It takes as long as reading the whole ledger does.
func (l *Ledger) Drifts(ctx context.Context) (all []Drift, err error) {
	err = l.apart("drifts", func(db *sql.DB) error {
		rows, err := db.QueryContext(ctx, driftSQL)
		if err != nil {
			return err
		}
		all, err = collect(rows, 0, scanDrift)
		return err
	})
	return all, err
}

// Damage has the database look through its own file, thoroughly or in a
// fraction of the time, and returns what is wrong there: nothing where all is
// well, and some of it where there is much.
func (l *Ledger) Damage(ctx context.Context, thorough bool) (all []string, err error) {
	query := "PRAGMA quick_check(20)"
	if thorough {
		query = "PRAGMA integrity_check(20)"
	}
	err = l.apart("damage", func(db *sql.DB) error {
		rows, err := db.QueryContext(ctx, query)
		if err != nil {
			return err
		}
		all, err = collect(rows, 0, func(rows *sql.Rows) (text string, err error) {
			err = rows.Scan(&text)
			return text, err
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(text string) bool { return text == "ok" }), nil
}
