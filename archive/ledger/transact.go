package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// write runs f in a transaction, as the method called op.
func (l *Ledger) write(ctx context.Context, op string, f func(ctx context.Context, tx *sql.Tx) error) error {
	return l.call(op, func() error {
		if l.writer == nil {
			return errReadOnly
		}
		return l.transact(ctx, f)
	})
}

// call runs f, which reads or writes, as the method called op.
func (l *Ledger) call(op string, f func() error) error {
	if err := l.hook(op, Before); err != nil {
		return err
	}
	err := f()
	// Now, since what was done before the file was taken away is lost with it.
	if gone := l.inPlace(); gone != nil {
		err = gone
	}
	if err != nil {
		return fmt.Errorf("ledger %s: %s: %w", l.path, op, classify(err))
	}
	return l.hook(op, After)
}

// exportsSince is the schema that has exports, keys, secrets and the audit log.
const exportsSince = 2

// segmentsSince is the schema that has segments, inputs, copies, holds and marks.
const segmentsSince = 4

// leasesSince is the schema that has leases, and runs of tasks.
const leasesSince = 3

// callAccess is callSince for what came with exportsSince.
func (l *Ledger) callAccess(ctx context.Context, op string, f func() error) error {
	return l.callSince(ctx, exportsSince, op, f)
}

// callSince runs f, which reads what the schema has since a version. A ledger
// of an older version, which can only be open for reading, has none of it:
// sql.ErrNoRows.
func (l *Ledger) callSince(ctx context.Context, since int, op string, f func() error) error {
	return l.call(op, func() error {
		has, err := l.has(ctx, since)
		if err != nil {
			return err
		}
		if !has {
			return sql.ErrNoRows
		}
		return f()
	})
}

// has tells whether the schema is of a version or a later one. It may have been
// upgraded since it was opened.
func (l *Ledger) has(ctx context.Context, since int) (bool, error) {
	if l.version >= since {
		return true, nil
	}
	var version int
	err := l.reader.QueryRowContext(ctx, "SELECT user_version FROM pragma_user_version").Scan(&version)
	return version >= since, err
}

func (l *Ledger) hook(op string, phase Phase) error {
	if l.fault == nil {
		return nil
	}
	return l.fault(op, phase)
}

// transact runs f in a transaction that has the write lock from the start.
// Once it has begun it is finished, whatever happens to ctx: its outcome would
// be unknown otherwise.
func (l *Ledger) transact(ctx context.Context, f func(ctx context.Context, tx *sql.Tx) error) (err error) {
	conn, err := l.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()

	whole := context.WithoutCancel(ctx)
	var tx *sql.Tx
	if err := l.retry(ctx, func() error {
		var err error
		tx, err = conn.BeginTx(whole, nil)
		return err
	}); err != nil {
		return err
	}
	// After a commit it does nothing, and SQLite may have rolled back by
	// itself, as it does on a full disk.
	defer func() { _ = tx.Rollback() }()
	if err := checkFence(whole, tx); err != nil {
		return err
	}
	if err := f(whole, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// retry repeats f, which waits by itself, while another process holds the
// ledger, until the busy timeout or ctx ends.
func (l *Ledger) retry(ctx context.Context, f func() error) error {
	deadline := time.Now().Add(l.busy)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := f()
		if !isBusy(err) || !time.Now().Before(deadline) {
			return err
		}
	}
}
