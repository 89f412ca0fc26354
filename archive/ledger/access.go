package ledger

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// APIKey is what the ledger knows of an API key.
type APIKey struct {
	ID       int64 // set by the ledger
	Hash     Hash  // of the key; the key itself is nowhere
	Name     string
	User     string // whose jobs it sees; empty: everybody's
	May      string // what it may do, as package access writes it
	Created  time.Time
	Revoked  time.Time // zero: it was not
	LastUsed time.Time // to the minute; zero: never
}

const (
	selectKeys = "SELECT id, hash, name, user_id, may, created, revoked, last_used FROM api_keys"

	// keyByHashSQL finds by nothing but the hash, as tokenByHashSQL does.
	keyByHashSQL = selectKeys + " WHERE hash = ?"

	insertKeySQL = `INSERT INTO api_keys (hash, name, user_id, may, created, revoked, last_used)
VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id`
)

// CreateKey records a key.
func (l *Ledger) CreateKey(ctx context.Context, k APIKey, a AuditEntry) (APIKey, error) {
	k.Created = k.Created.Truncate(time.Millisecond).UTC()
	err := l.write(ctx, "create key", func(ctx context.Context, tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, insertKeySQL, k.Hash[:], k.Name, k.User, k.May,
			k.Created.UnixMilli(), instant(k.Revoked), instant(k.LastUsed)).Scan(&k.ID); err != nil {
			return err
		}
		return insertAudit(ctx, tx, a)
	})
	if err != nil {
		return APIKey{}, err
	}
	return k, nil
}

// KeyByHash returns a key, revoked or not; fs.ErrNotExist where there is none.
// Hashes are all that is compared, so that how long it takes tells nothing of
// any key.
func (l *Ledger) KeyByHash(ctx context.Context, h Hash) (APIKey, error) {
	var k APIKey
	err := l.callAccess(ctx, "key by hash", func() error {
		return k.scan(l.reader.QueryRowContext(ctx, keyByHashSQL, h[:]))
	})
	if err != nil {
		return APIKey{}, notFound(err, "key of hash", h)
	}
	return k, nil
}

// Keys returns all keys, in the order of their making.
func (l *Ledger) Keys(ctx context.Context) ([]APIKey, error) {
	var all []APIKey
	err := l.callAccess(ctx, "keys", func() error {
		rows, err := l.reader.QueryContext(ctx, selectKeys+" ORDER BY id")
		if err != nil {
			return err
		}
		all, err = collect(rows, 0, func(rows *sql.Rows) (APIKey, error) {
			var k APIKey
			err := k.scan(rows)
			return k, err
		})
		return err
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	return all, nil
}

func (k *APIKey) scan(row scanner) error {
	var sum []byte
	var created int64
	var revoked, used sql.NullInt64
	if err := row.Scan(&k.ID, &sum, &k.Name, &k.User, &k.May, &created, &revoked, &used); err != nil {
		return err
	}
	k.Created, k.Revoked, k.LastUsed = time.UnixMilli(created).UTC(), fromInstant(revoked), fromInstant(used)
	return k.Hash.set(sum)
}

// RevokeKey makes a key, and every token bound to it, useless from at on; of
// one that already is it changes and records nothing. fs.ErrNotExist: no such
// key.
func (l *Ledger) RevokeKey(ctx context.Context, id int64, at time.Time, a AuditEntry) error {
	return l.write(ctx, "revoke key", func(ctx context.Context, tx *sql.Tx) error {
		revoked, err := changedRows(tx.ExecContext(ctx, "UPDATE api_keys SET revoked = ? WHERE id = ? AND revoked IS NULL", at.UnixMilli(), id))
		if err != nil {
			return err
		}
		if !revoked {
			return exists(ctx, tx, "SELECT 1 FROM api_keys WHERE id = ?", "key", id)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE tokens SET revoked = ? WHERE api_key = ? AND revoked IS NULL", at.UnixMilli(), id); err != nil {
			return err
		}
		return insertAudit(ctx, tx, a)
	})
}

// KeyUsed records when a key was used last, to the minute. It writes only
// where that is later than what is recorded.
func (l *Ledger) KeyUsed(ctx context.Context, id int64, at time.Time) error {
	minute := at.Truncate(time.Minute).UnixMilli()
	return l.call("key used", func() error {
		if l.writer == nil {
			return errReadOnly
		}
		var used sql.NullInt64
		err := l.reader.QueryRowContext(ctx, "SELECT last_used FROM api_keys WHERE id = ?", id).Scan(&used)
		if err != nil || used.Valid && used.Int64 >= minute {
			return notFound(err, "key", id)
		}
		return l.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE api_keys SET last_used = ? WHERE id = ? AND (last_used IS NULL OR last_used < ?)", minute, id, minute)
			return err
		})
	})
}
