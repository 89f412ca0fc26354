package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ErrHeld says that somebody else has the lease.
var ErrHeld = errors.New("held by another")

// MaxLease is how far ahead a lease may end. One that ends later was written
// while the clock was wrong, and counts as lapsed: where a holder has died and
// the clock is set back, nobody waits longer than that.
const MaxLease = time.Hour

// Lease is the right to run a task, and how far the task is. Times are kept to
// the millisecond.
type Lease struct {
	Task   string
	Holder string    // who has it, or had it last; empty: nobody ever
	Fence  int64     // how often it was given out
	Since  time.Time // when it was given to Holder
	Until  time.Time // when it lapses unless renewed; zero: it was given back

	Planned time.Time // what was planned for then or earlier is done with; zero: nothing is on record
	Trying  time.Time // the planned time that was begun and isn't done with; zero: none
	Attempt int64     // how often Trying was begun, interruptions not counted
}

// HeldAt tells whether somebody has the lease at the time now.
func (l Lease) HeldAt(now time.Time) bool {
	return !l.Until.IsZero() && l.Until.After(now) && !l.Until.After(now.Add(MaxLease))
}

const (
	leaseColumns = "task, holder, fence, since, until, planned, trying, attempt"

	selectLeases = "SELECT " + leaseColumns + " FROM leases"
	leaseSQL     = selectLeases + " WHERE task = ?"
	leasesSQL    = selectLeases + " ORDER BY task"

	acquireLeaseSQL = `INSERT INTO leases (task, holder, fence, since, until, attempt) VALUES (?, ?, 1, ?, ?, 0)
ON CONFLICT (task) DO UPDATE SET holder = excluded.holder, fence = leases.fence + 1, since = excluded.since, until = excluded.until
WHERE leases.until IS NULL OR leases.until <= excluded.since OR leases.until > ?
RETURNING ` + leaseColumns

	// myLease is the fence: the lease was given to nobody since, nor back.
	myLease = " WHERE task = ? AND fence = ? AND until IS NOT NULL"

	renewLeaseSQL = "UPDATE leases SET until = ?" + myLease
	heldLeaseSQL  = "SELECT 1 FROM leases" + myLease

	releaseLeaseSQL = "UPDATE leases SET until = NULL WHERE task = ? AND fence = ?"

	firstPlannedSQL = `INSERT INTO leases (task, holder, fence, since, planned, attempt) VALUES (?, '', 0, ?, ?, 0)
ON CONFLICT (task) DO UPDATE SET planned = excluded.planned WHERE leases.planned IS NULL`
)

// AcquireLease gives the lease of l.Task to l.Holder at the time l.Since, until
// l.Until, where nobody has it or its time has run out, and returns it with a
// Fence that is greater than any before. Otherwise it is ErrHeld, with the
// lease of who has it. Nobody is given a lease that it has already.
func (l *Ledger) AcquireLease(ctx context.Context, want Lease) (Lease, error) {
	if want.Task == "" || want.Holder == "" || !want.HeldAt(want.Since) {
		return Lease{}, fmt.Errorf("ledger %s: acquire lease: task %q for %q from %s until %s", l.path, want.Task, want.Holder, want.Since, want.Until)
	}
	var got Lease
	held := false
	err := l.write(ctx, "acquire lease", func(ctx context.Context, tx *sql.Tx) error {
		err := got.scan(tx.QueryRowContext(ctx, acquireLeaseSQL, want.Task, want.Holder,
			want.Since.UnixMilli(), want.Until.UnixMilli(), want.Since.Add(MaxLease).UnixMilli()))
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		held = true
		return got.scan(tx.QueryRowContext(ctx, leaseSQL, want.Task))
	})
	switch {
	case err != nil:
		return Lease{}, err
	case held:
		return got, fmt.Errorf("lease of task %s: %w: %s", want.Task, ErrHeld, got.Holder)
	}
	return got, nil
}

// RenewLease keeps the lease until have.Until. It is ErrFenced where somebody else
// was given the lease since, or it was given back.
func (l *Ledger) RenewLease(ctx context.Context, have Lease) error {
	return l.changeLease(ctx, "renew lease", have, renewLeaseSQL, have.Until.UnixMilli(), have.Task, have.Fence)
}

// ReleaseLease gives the lease back, so that anybody can have it at once. It is
// ErrFenced where somebody else was given it since; giving it back twice is
// not.
func (l *Ledger) ReleaseLease(ctx context.Context, have Lease) error {
	return l.changeLease(ctx, "release lease", have, releaseLeaseSQL, have.Task, have.Fence)
}

func (l *Ledger) changeLease(ctx context.Context, op string, have Lease, query string, args ...any) error {
	return l.write(ctx, op, func(ctx context.Context, tx *sql.Tx) error {
		mine, err := changedRows(tx.ExecContext(ctx, query, args...))
		if err == nil && !mine {
			return leaseFenced(have)
		}
		return err
	})
}

func leaseFenced(have Lease) error {
	return fmt.Errorf("lease %d of task %s: %w", have.Fence, have.Task, ErrFenced)
}

// Lease returns the lease of a task; fs.ErrNotExist where there never was one.
func (l *Ledger) Lease(ctx context.Context, task string) (Lease, error) {
	var got Lease
	err := l.callSince(ctx, leasesSince, "lease", func() error {
		return got.scan(l.reader.QueryRowContext(ctx, leaseSQL, task))
	})
	if err != nil {
		return Lease{}, notFound(err, "lease of task", task)
	}
	return got, nil
}

// Leases returns the leases of all tasks there ever were, by name.
func (l *Ledger) Leases(ctx context.Context) ([]Lease, error) {
	var all []Lease
	err := l.callSince(ctx, leasesSince, "leases", func() error {
		rows, err := l.reader.QueryContext(ctx, leasesSQL)
		if err != nil {
			return err
		}
		all, err = collect(rows, 0, func(rows *sql.Rows) (got Lease, err error) {
			err = got.scan(rows)
			return got, err
		})
		return err
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	return all, nil
}

// LastPlanned returns the last planned time of a task that is done with. Where
// none is on record it is first from now on, so that nothing earlier counts as
// missed.
func (l *Ledger) LastPlanned(ctx context.Context, task string, first time.Time) (time.Time, error) {
	if task == "" {
		return time.Time{}, fmt.Errorf("ledger %s: last planned: no task", l.path)
	}
	var got Lease
	err := l.write(ctx, "last planned", func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, firstPlannedSQL, task, first.UnixMilli(), first.UnixMilli()); err != nil {
			return err
		}
		return got.scan(tx.QueryRowContext(ctx, leaseSQL, task))
	})
	return got.Planned, err
}

func (l *Lease) scan(row scanner) error {
	var since int64
	var until, planned, trying sql.NullInt64
	err := row.Scan(&l.Task, &l.Holder, &l.Fence, &since, &until, &planned, &trying, &l.Attempt)
	l.Since, l.Until = time.UnixMilli(since).UTC(), fromInstant(until)
	l.Planned, l.Trying = fromInstant(planned), fromInstant(trying)
	return err
}
