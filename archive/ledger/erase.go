package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// selectAnyState is selectDocuments for documents that may not be listed.
var selectAnyState = "SELECT " + strings.Join(documentColumns[:], ", ") + " FROM documents"

// Versions returns all versions of a job whatever their state, in the order of
// recording. Where user is empty they may be of several users.
func (l *Ledger) Versions(ctx context.Context, user, job string) ([]Document, error) {
	return l.allOfJob(ctx, "versions", selectAnyState+" WHERE ", Ref{user, job})
}

var deletingSQL = selectAnyState + " WHERE state = 'deleting' ORDER BY user_id, job, id"

// Deleting returns all versions whose deletion was begun, those of a job next
// to each other.
func (l *Ledger) Deleting(ctx context.Context) ([]Document, error) {
	var all []Document
	err := l.call("deleting", func() error {
		var err error
		all, err = l.documents(ctx, deletingSQL, nil, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// StartErasure marks those of docs that are Stored or Expiring as Deleting, so that
// they are listed no more and refused when they come again; and as Sweeping, with
// their tokens revoked, the exports of their jobs, which it returns. One of all
// users' jobs counts where its job has the same id. An export of a query is
// left alone: nothing tells which jobs it holds. All of this is one
// transaction, and may be repeated.
//
// What an active hold matches stays as it is, is Owed from then on, and is
// returned as held, as the ledger has it. What is Deleting already can't be held.
func (l *Ledger) StartErasure(ctx context.Context, docs []Document, a AuditEntry) (exports []Export, held []Document, err error) {
	err = l.write(ctx, "start erasure", func(ctx context.Context, tx *sql.Tx) error {
		var erased []Document
		var err error
		if erased, held, err = startErasure(ctx, tx, docs); err != nil {
			return err
		}
		if err := owe(ctx, tx, held, a.At.UnixMilli()); err != nil {
			return err
		}
		for _, ref := range refsOf(erased) {
			those, err := sweepJob(ctx, tx, ref, a.At.UnixMilli())
			if err != nil {
				return err
			}
			exports = append(exports, those...)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return exports, held, nil
}

// startErasure divides docs into those that are to be erased, which are Deleting
// then, and those that are held.
func startErasure(ctx context.Context, tx *sql.Tx, docs []Document) (erased, held []Document, err error) {
	var there []Document
	for chunk := range slices.Chunk(docs, pageRows) {
		some, err := documentsIn(ctx, tx, erasableSQL(len(chunk)), idsOf(chunk))
		if err != nil {
			return nil, nil, err
		}
		there = append(there, some...)
	}
	free, held, err := heldIn(ctx, tx, there)
	if err != nil {
		return nil, nil, err
	}
	for _, from := range []State{Stored, Expiring} {
		if err := setState(ctx, tx, free, from, Deleting); err != nil {
			return nil, nil, err
		}
	}
	for chunk := range slices.Chunk(free, pageRows) {
		for _, table := range []string{"marks", "owed"} {
			if _, err := tx.ExecContext(ctx, unlistSQL(table, len(chunk)), idsOf(chunk)...); err != nil {
				return nil, nil, err
			}
		}
	}
	return without(docs, held), held, nil
}

func erasableSQL(n int) string {
	return selectAnyState + " WHERE +state IN ('stored', 'expiring') AND id IN (" + placeholders(n) + ")"
}

func unlistSQL(table string, n int) string {
	return "DELETE FROM " + table + " WHERE document IN (" + placeholders(n) + ")"
}

// without returns the docs that are not among others.
func without(docs, others []Document) []Document {
	if len(others) == 0 {
		return docs
	}
	left := make(map[int64]bool, len(others))
	for i := range others {
		left[others[i].ID] = true
	}
	return slices.DeleteFunc(slices.Clone(docs), func(d Document) bool { return left[d.ID] })
}

const oweSQL = "INSERT INTO owed (document, since) VALUES (?, ?) ON CONFLICT (document) DO NOTHING"

// owe records that docs are to be erased once nothing holds them.
func owe(ctx context.Context, tx *sql.Tx, docs []Document, since int64) error {
	for i := range docs {
		if _, err := tx.ExecContext(ctx, oweSQL, docs[i].ID, since); err != nil {
			return fmt.Errorf("record what is owed: %w", err)
		}
	}
	return nil
}

// refsOf returns the jobs that docs are versions of, each once.
func refsOf(docs []Document) []Ref {
	var refs []Ref
	known := map[Ref]bool{}
	for i := range docs {
		if ref := (Ref{User: docs[i].User, Job: docs[i].Job}); !known[ref] {
			known[ref] = true
			refs = append(refs, ref)
		}
	}
	return refs
}

var sweepJobSQL = `UPDATE exports SET state = 'sweeping', updated = ?, lease_until = NULL, object = NULL, size = NULL, sha256 = NULL
WHERE job = ? AND (user_id = ? OR user_id = '') AND +state <> 'swept'` + returningExport

func sweepJob(ctx context.Context, tx *sql.Tx, ref Ref, at int64) ([]Export, error) {
	rows, err := tx.QueryContext(ctx, sweepJobSQL, at, ref.Job, ref.User)
	if err != nil {
		return nil, err
	}
	exports, err := collect(rows, 0, scanExport)
	if err != nil {
		return nil, err
	}
	for i := range exports {
		if _, err := tx.ExecContext(ctx, revokeTokensSQL, at, exports[i].ID); err != nil {
			return nil, err
		}
	}
	return exports, nil
}

// EndErasure records that the objects of docs are gone: those that are Deleting
// become Erased, with nothing left of them but ids, hashes, time and size, and
// a is recorded with them. It may be repeated.
//
// One that lies in a segment, and that has copies in others, stays recorded as
// such as long as those are there.
func (l *Ledger) EndErasure(ctx context.Context, docs []Document, a AuditEntry) error {
	if len(docs) == 0 {
		return ctx.Err()
	}
	return l.write(ctx, "end erasure", func(ctx context.Context, tx *sql.Tx) error {
		left, err := countIn(ctx, tx, docs, Deleting)
		if err != nil || left == 0 {
			return err
		}
		if err := setState(ctx, tx, docs, Deleting, Erased); err != nil {
			return err
		}
		if err := forget(ctx, tx, docs, Erased); err != nil {
			return err
		}
		return insertAudit(ctx, tx, a)
	})
}

func idsOf(docs []Document) []any {
	return anys(docs, func(d Document) int64 { return d.ID })
}

func countIn(ctx context.Context, tx *sql.Tx, docs []Document, state State) (n int, err error) {
	for chunk := range slices.Chunk(docs, pageRows) {
		var some int
		query := "SELECT count(*) FROM documents WHERE +state = ? AND id IN (" + placeholders(len(chunk)) + ")"
		args := append([]any{string(state)}, idsOf(chunk)...)
		if err := tx.QueryRowContext(ctx, query, args...).Scan(&some); err != nil {
			return 0, err
		}
		n += some
	}
	return n, nil
}

// setState changes the state of those of docs that are in the state from, and
// the totals with it.
func setState(ctx context.Context, tx *sql.Tx, docs []Document, from, to State) error {
	for chunk := range slices.Chunk(docs, pageRows) {
		those := " FROM documents WHERE +state = ? AND id IN (" + placeholders(len(chunk)) + ") GROUP BY kind"
		ids := idsOf(chunk)
		for _, move := range []struct{ state, sign string }{{string(from), "-"}, {string(to), ""}} {
			query := "INSERT INTO totals (kind, state, documents, bytes) SELECT kind, ?, " +
				move.sign + "count(*), " + move.sign + "sum(size)" + those + addToTotals
			args := append([]any{move.state, string(from)}, ids...)
			if _, err := tx.ExecContext(ctx, query, args...); err != nil {
				return fmt.Errorf("move totals: %w", err)
			}
		}
		query := "UPDATE documents SET state = ? WHERE +state = ? AND id IN (" + placeholders(len(chunk)) + ")"
		if _, err := tx.ExecContext(ctx, query, append([]any{string(to), string(from)}, ids...)...); err != nil {
			return err
		}
	}
	return nil
}
