package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

const storeSQL = "SELECT value FROM meta WHERE name = 'store'"

// Bind ties the ledger to the store at storeURL. The first call ever records
// the URL and returns that the ledger is fresh; later calls with the same URL
// do nothing, and with another are ErrOtherStore, which names both. A ledger
// that was opened for reading only and isn't tied yet is fresh and stays so.
func (l *Ledger) Bind(ctx context.Context, storeURL string) (fresh bool, err error) {
	if storeURL == "" {
		return false, fmt.Errorf("ledger %s: bind: no store", l.path)
	}
	err = l.call("bind", func() error {
		bound, err := boundTo(ctx, l.reader)
		if err == nil && bound == "" {
			fresh = true
			if l.writer != nil {
				bound, fresh, err = l.bind(ctx, storeURL)
			}
		}
		if err != nil {
			return err
		}
		if bound != "" && bound != storeURL {
			return fmt.Errorf("%w: it records what %s holds, not %s", ErrOtherStore, bound, storeURL)
		}
		return nil
	})
	return fresh && err == nil, err
}

// bind ties the ledger to storeURL unless another process was faster, and
// returns what it is tied to.
func (l *Ledger) bind(ctx context.Context, storeURL string) (bound string, fresh bool, err error) {
	err = l.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var err error
		if bound, err = boundTo(ctx, tx); err != nil || bound != "" {
			return err
		}
		bound, fresh = storeURL, true
		_, err = tx.ExecContext(ctx, "INSERT INTO meta (name, value) VALUES ('store', ?)", storeURL)
		return err
	})
	return bound, fresh, err
}

func boundTo(ctx context.Context, q querier) (string, error) {
	var bound string
	err := q.QueryRowContext(ctx, storeSQL).Scan(&bound)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return bound, err
}
