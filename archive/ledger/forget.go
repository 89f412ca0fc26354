package ledger

import (
	"context"
	"database/sql"
	"time"
)

// forgetRows is how many runs one transaction removes, so that nobody waits
// long for the next.
const forgetRows = 5000

// forgetRunsSQL keeps the latest run of each command and of each task, and with
// them the highest id: none is given out twice.
const forgetRunsSQL = `DELETE FROM runs WHERE id IN (SELECT r.id FROM runs AS r
WHERE (r.ended < ? OR r.ended IS NULL AND r.started < ?
    AND r.fence < (SELECT l.fence FROM leases AS l WHERE l.task = r.task))
  AND EXISTS (SELECT 1 FROM runs AS later WHERE later.id > r.id AND +later.command = r.command)
  AND (r.task IS NULL OR EXISTS (SELECT 1 FROM runs AS later WHERE later.task = r.task AND later.id > r.id))
LIMIT ?)`

// ForgetRuns removes the runs that ended before before, and those of tasks that
// began before it and died, but for the latest of each task and of each
// command. It returns how many, also where it fails in the middle.
func (l *Ledger) ForgetRuns(ctx context.Context, before time.Time) (int64, error) {
	at, forgotten := before.UnixMilli(), int64(0)
	for {
		var n int64
		err := l.write(ctx, "forget runs", func(ctx context.Context, tx *sql.Tx) error {
			res, err := tx.ExecContext(ctx, forgetRunsSQL, at, at, forgetRows)
			if err != nil {
				return err
			}
			n, err = res.RowsAffected()
			return err
		})
		if err != nil {
			return forgotten, err
		}
		if forgotten += n; n < forgetRows {
			return forgotten, nil
		}
	}
}
