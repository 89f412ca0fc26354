package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"strings"

	"logstow/archive/ledger/jobindex"
)

// documentRows are the numbers of documents that one statement inserts, largest
// first.
var documentRows = [...]int{40, 5, 1}

const addTotalSQL = "INSERT INTO totals (kind, state, documents, bytes) VALUES (?, ?, ?, ?)" + addToTotals

const addToTotals = `
ON CONFLICT (kind, state) DO UPDATE SET
  documents = totals.documents + excluded.documents,
  bytes = totals.bytes + excluded.bytes`

func insertDocumentsSQL(rows int) string {
	return "INSERT INTO documents (" + strings.Join(documentColumns[:], ", ") + ") VALUES " +
		rowsOf(placeholders(len(documentColumns)), rows)
}

func insertPlainSQL(rows int) string {
	return "INSERT INTO documents (" + strings.Join(plainColumns[:], ", ") + plainElse + ") VALUES " +
		rowsOf(placeholders(len(plainColumns))+plainElseValues, rows)
}

// rowsOf returns what an INSERT has of a number of rows.
func rowsOf(row string, rows int) string {
	return strings.TrimSuffix(strings.Repeat("("+row+"), ", rows), ", ")
}

// freshRow is a document that is to be inserted.
type freshRow struct {
	doc          *Document // its ID, Segment and SegmentRow are passed over
	segment, row any       // NULL: it lies under its own key
	plain        bool      // it is isPlain, and lies under its own key
	next         int       // the row before it that has the same place in recorder.at; -1: none
}

// recorder records documents in a transaction. It sees to it that no two rows have
// the same user, job and input hash, which the database doesn't: nothing else
// inserts documents.
type recorder struct {
	tx     *sql.Tx
	ledger *Ledger

	runs   *jobRuns
	hashes []uint32  // of the jobs of docs
	known  [][]found // the versions of the jobs of docs that were there; nil where there are none

	first   int64          // the id of the first row of fresh
	fresh   []freshRow     // in the order of their ids
	at      map[uint64]int // the last row of fresh of some bits of both hashes
	entries []jobindex.Entry
	args    []any // of a statement
}

// recorder returns a recorder for docs, which looks up what is known of them.
func (l *Ledger) recorder(ctx context.Context, tx *sql.Tx, docs []Document) (*recorder, error) {
	r := &recorder{tx: tx, ledger: l, at: make(map[uint64]int, len(docs))}
	// Ids only grow, and nobody else writes in the meantime.
	if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) + 1 FROM documents").Scan(&r.first); err != nil {
		return nil, err
	}
	refs := make([]Ref, len(docs))
	for i := range docs {
		refs[i] = Ref{User: docs[i].User, Job: docs[i].Job}
	}
	r.hashes = hashesOf(refs)
	reader := jobReader{tx, l.writeJobs, &l.jobs}
	var err error
	if r.runs, err = reader.runs(ctx); err != nil {
		return nil, err
	}
	r.known, err = reader.versions(ctx, r.runs, refs, r.hashes)
	return r, err
}

// knownAs returns the row that has the version of the ith document; 0 where there
// is none.
func (r *recorder) knownAs(i int, d *Document) int64 {
	if r.known == nil {
		return 0
	}
	for _, f := range r.known[i] {
		if f.InputHash == d.InputHash {
			return f.id
		}
	}
	return 0
}

// add has the ith document be inserted, which isn't known, into a row of a segment
// or none. Where the same version is to be inserted already, it returns that row
// instead.
func (r *recorder) add(i int, d *Document, segment, row any) (already *freshRow) {
	key := uint64(r.hashes[i])<<32 | uint64(binary.BigEndian.Uint32(d.InputHash[:]))
	last, ok := r.at[key]
	if !ok {
		last = -1
	}
	for at := last; at >= 0; at = r.fresh[at].next {
		if f := &r.fresh[at]; f.doc.Job == d.Job && f.doc.User == d.User && f.doc.InputHash == d.InputHash {
			return f
		}
	}
	r.at[key] = len(r.fresh)
	r.entries = append(r.entries, jobindex.Entry{Hash: r.hashes[i], ID: r.first + int64(len(r.fresh))})
	r.fresh = append(r.fresh, freshRow{doc: d, segment: segment, row: row, next: last})
	return nil
}

// insert inserts what was added, counts it and indexes it. It returns the index of
// jobs as it is once the transaction has taken effect.
func (r *recorder) insert(ctx context.Context) (*jobRuns, error) {
	if len(r.fresh) == 0 {
		return nil, nil
	}
	for at := range r.fresh {
		f := &r.fresh[at]
		f.plain = f.segment == nil && f.doc.isPlain()
	}
	// In the order of their ids, each of which is appended to the table then.
	for at := 0; at < len(r.fresh); {
		end := at + 1
		for end < len(r.fresh) && r.fresh[end].plain == r.fresh[at].plain {
			end++
		}
		if err := r.insertAlike(ctx, at, end); err != nil {
			return nil, err
		}
		at = end
	}
	if err := r.count(ctx); err != nil {
		return nil, err
	}
	return r.runs.withEntries(ctx, r.tx, r.entries)
}

// insertAlike inserts some of the rows, which are all plain or none of them.
func (r *recorder) insertAlike(ctx context.Context, at, end int) error {
	statements := r.ledger.insertDocuments
	if r.fresh[at].plain {
		statements = r.ledger.insertPlain
	}
	for _, s := range statements {
		if end-at < s.rows {
			continue
		}
		stmt := r.tx.StmtContext(ctx, s.stmt)
		for ; end-at >= s.rows; at += s.rows {
			r.args = r.args[:0]
			for i := at; i < at+s.rows; i++ {
				r.appendArgs(i)
			}
			if _, err := stmt.ExecContext(ctx, r.args...); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *recorder) appendArgs(i int) {
	f := &r.fresh[i]
	r.args = append(r.args, r.first+int64(i))
	if f.plain {
		r.args = f.doc.appendPlainArgs(r.args)
		return
	}
	r.args = append(f.doc.appendArgs(r.args), f.segment, f.row)
}

// count adds what was inserted to the totals.
func (r *recorder) count(ctx context.Context) error {
	type total struct {
		kind  string
		state State
	}
	type sum struct{ documents, bytes int64 }
	sums := map[total]sum{}
	for i := range r.fresh {
		d := r.fresh[i].doc
		of := total{d.Kind, cmp.Or(d.State, Stored)}
		s := sums[of]
		sums[of] = sum{s.documents + 1, s.bytes + d.Size}
	}
	for of, s := range sums {
		if _, err := r.tx.ExecContext(ctx, addTotalSQL, of.kind, string(of.state), s.documents, s.bytes); err != nil {
			return err
		}
	}
	return nil
}
