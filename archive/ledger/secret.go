package ledger

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
)

const (
	secretBytes = 32
	secretSQL   = "SELECT value FROM secrets WHERE name = ?"
)

// Secret returns 32 random bytes that are made when this name is first asked
// for and stay the same for this ledger.
func (l *Ledger) Secret(ctx context.Context, name string) ([]byte, error) {
	var value []byte
	err := l.call("secret", func() error {
		err := l.reader.QueryRowContext(ctx, secretSQL, name).Scan(&value)
		if err == nil || l.writer != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if l.writer == nil {
			return errors.Join(errReadOnly, err)
		}
		return l.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
			made := make([]byte, secretBytes)
			rand.Read(made)
			// Whoever was faster has made it.
			if _, err := tx.ExecContext(ctx, "INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", name, made); err != nil {
				return err
			}
			return tx.QueryRowContext(ctx, secretSQL, name).Scan(&value)
		})
	})
	if err != nil {
		return nil, err
	}
	return value, nil
}
