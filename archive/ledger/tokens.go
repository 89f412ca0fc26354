package ledger

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"
)

const (
	tokenColumns = "t.id, t.hash, t.export, t.api_key, t.created, t.expires, t.revoked"

	insertTokenSQL = `INSERT INTO tokens (hash, export, api_key, created, expires, revoked)
VALUES (?, ?, ?, ?, ?, ?) RETURNING id`
)

// tokenByHashSQL finds by nothing but the hash, whose index gives no hint of
// how much of a wrong token was right.
var tokenByHashSQL = "SELECT e." + strings.Join(exportColumns[:], ", e.") + ", " + tokenColumns + `
FROM tokens AS t JOIN exports AS e ON e.id = t.export WHERE t.hash = ?`

// insertToken records t and sets its ID. A token of a key that was revoked in
// the meantime is revoked from the start.
func insertToken(ctx context.Context, tx *sql.Tx, t *Token) error {
	var revoked sql.NullInt64
	err := tx.QueryRowContext(ctx, "SELECT revoked FROM api_keys WHERE id = ?", t.Key).Scan(&revoked)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if revoked.Valid && t.Revoked.IsZero() {
		t.Revoked = t.Created
	}
	t.Created, t.Expires = t.Created.Truncate(time.Millisecond).UTC(), t.Expires.Truncate(time.Millisecond).UTC()
	t.Revoked = t.Revoked.Truncate(time.Millisecond)
	return tx.QueryRowContext(ctx, insertTokenSQL, t.Hash[:], t.Export, t.Key,
		t.Created.UnixMilli(), t.Expires.UnixMilli(), instant(t.Revoked)).Scan(&t.ID)
}

const prolongExportSQL = `UPDATE exports SET expires = CASE WHEN expires < ? THEN ? ELSE expires END
WHERE id = ? AND state NOT IN ('cancelled', 'sweeping', 'swept')`

// AddToken records another token for an export, whose Expires moves on with
// it. It is ErrFenced where the export was cancelled or is being swept, and
// fs.ErrNotExist where there is none.
func (l *Ledger) AddToken(ctx context.Context, t Token) (Token, error) {
	err := l.write(ctx, "add token", func(ctx context.Context, tx *sql.Tx) error {
		until := t.Expires.UnixMilli()
		open, err := changedRows(tx.ExecContext(ctx, prolongExportSQL, until, until, t.Export))
		if err != nil {
			return err
		}
		if !open {
			if err := exists(ctx, tx, "SELECT 1 FROM exports WHERE id = ?", "export", t.Export); err != nil {
				return err
			}
			return fenced(&Export{ID: t.Export})
		}
		return insertToken(ctx, tx, &t)
	})
	if err != nil {
		return Token{}, err
	}
	return t, nil
}

// TokenByHash returns a token and its export in one look; fs.ErrNotExist where
// there is none. Hashes are all that is compared, so that how long it takes
// tells nothing of any token.
func (l *Ledger) TokenByHash(ctx context.Context, h Hash) (Token, Export, error) {
	var t Token
	var e Export
	err := l.callAccess(ctx, "token by hash", func() error {
		if l.selectToken == nil {
			return e.scanToken(l.reader.QueryRowContext(ctx, tokenByHashSQL, h[:]), &t)
		}
		return e.scanToken(l.selectToken.QueryRowContext(ctx, h[:]), &t)
	})
	if err != nil {
		return Token{}, Export{}, notFound(err, "token of hash", h)
	}
	return t, e, nil
}

func (e *Export) scanToken(row scanner, t *Token) error {
	var r tokenRow
	if err := e.scan(row, r.dest(t)...); err != nil {
		return err
	}
	return r.into(t)
}

func scanToken(rows *sql.Rows) (Token, error) {
	var t Token
	var r tokenRow
	if err := rows.Scan(r.dest(&t)...); err != nil {
		return Token{}, err
	}
	return t, r.into(&t)
}

// tokenRow is what a row of tokenColumns has in another form than a Token.
type tokenRow struct {
	hash             []byte
	created, expires int64
	revoked          sql.NullInt64
}

func (r *tokenRow) dest(t *Token) []any {
	return []any{&t.ID, &r.hash, &t.Export, &t.Key, &r.created, &r.expires, &r.revoked}
}

func (r *tokenRow) into(t *Token) error {
	t.Created, t.Expires = time.UnixMilli(r.created).UTC(), time.UnixMilli(r.expires).UTC()
	t.Revoked = fromInstant(r.revoked)
	return t.Hash.set(r.hash)
}

// Tokens returns tokens, newest first.
func (l *Ledger) Tokens(ctx context.Context, q ExportQuery) ([]Token, error) {
	var all []Token
	err := l.callAccess(ctx, "tokens", func() error {
		query, args := q.tokens()
		rows, err := l.reader.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		all, err = collect(rows, 0, scanToken)
		return err
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	return all, nil
}

func (q *ExportQuery) tokens() (string, []any) {
	var c conditions
	if q.Key != nil {
		c.add("t.api_key = ?", *q.Key)
	}
	if len(q.States) > 0 {
		c.add("EXISTS (SELECT 1 FROM exports WHERE id = t.export AND +state IN ("+placeholders(len(q.States))+"))",
			anys(q.States, func(s ExportState) string { return string(s) })...)
	}
	return c.latest("SELECT "+tokenColumns+" FROM tokens AS t", "t.id", q.Limit)
}

// RevokeToken makes a token useless from at on; of one that already is it
// changes and records nothing. fs.ErrNotExist: no such token.
func (l *Ledger) RevokeToken(ctx context.Context, id int64, at time.Time, a AuditEntry) error {
	return l.write(ctx, "revoke token", func(ctx context.Context, tx *sql.Tx) error {
		revoked, err := changedRows(tx.ExecContext(ctx, "UPDATE tokens SET revoked = ? WHERE id = ? AND revoked IS NULL", at.UnixMilli(), id))
		if err != nil {
			return err
		}
		if !revoked {
			return exists(ctx, tx, "SELECT 1 FROM tokens WHERE id = ?", "token", id)
		}
		return insertAudit(ctx, tx, a)
	})
}
