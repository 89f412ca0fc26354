package ledger

import (
	"context"
	"database/sql"
	"errors"
)

// ExportCounts is how many exports there are.
type ExportCounts struct {
	ByState map[ExportState]int64 // without those that were swept; states that no export is in are missing
	Bytes   int64                 // of the files of those that are Ready
}

const (
	// What was swept is the bulk of the table, and isn't read.
	exportCountsSQL = "SELECT state, count(*) FROM exports WHERE state IN (?, ?, ?, ?, ?, ?) GROUP BY state"
	exportBytesSQL  = "SELECT coalesce(sum(size), 0) FROM exports WHERE state = ?"
)

// ExportCounts counts the exports that were not swept.
func (l *Ledger) ExportCounts(ctx context.Context) (ExportCounts, error) {
	c := ExportCounts{ByState: map[ExportState]int64{}}
	err := l.callAccess(ctx, "export counts", func() error {
		rows, err := l.reader.QueryContext(ctx, exportCountsSQL,
			ExportCreated, ExportRunning, ExportReady, ExportFailed, ExportCancelled, ExportSweeping)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var state ExportState
			var n int64
			if err := rows.Scan(&state, &n); err != nil {
				return err
			}
			c.ByState[state] = n
		}
		if err := rows.Err(); err != nil {
			return err
		}
		return l.reader.QueryRowContext(ctx, exportBytesSQL, ExportReady).Scan(&c.Bytes)
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return ExportCounts{}, err
	}
	return c, nil
}
