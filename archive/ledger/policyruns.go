package ledger

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"
)

// PolicyRun is how many documents a policy marked at a time.
type PolicyRun struct {
	At     time.Time
	Marked int64
}

// policyRunsKept is how many times of each policy are kept.
const policyRunsKept = 10

const (
	samePolicyRunSQL = "DELETE FROM policy_runs WHERE policy = ? AND +at = ?"
	addPolicyRunSQL  = "INSERT INTO policy_runs (policy, at, marked) VALUES (?, ?, ?)"

	policyRunsSQL = "SELECT at, marked FROM policy_runs WHERE policy = ? ORDER BY +at DESC LIMIT ?"

	forgetPolicyRunsSQL = `DELETE FROM policy_runs WHERE policy = ? AND +at <
  (SELECT at FROM policy_runs WHERE policy = ? ORDER BY +at DESC LIMIT 1 OFFSET ?)`
)

// RecordPolicyRun records how many documents each policy marked, and forgets all
// but the last ten times of each. The same time recorded again replaces what it
// was.
func (l *Ledger) RecordPolicyRun(ctx context.Context, at time.Time, marked map[string]int64) error {
	if len(marked) == 0 {
		return ctx.Err()
	}
	return l.write(ctx, "record policy run", func(ctx context.Context, tx *sql.Tx) error {
		for _, policy := range slices.Sorted(maps.Keys(marked)) {
			for _, s := range []struct {
				query string
				args  []any
			}{
				{samePolicyRunSQL, []any{policy, at.UnixMilli()}},
				{addPolicyRunSQL, []any{policy, at.UnixMilli(), marked[policy]}},
				{forgetPolicyRunsSQL, []any{policy, policy, policyRunsKept - 1}},
			} {
				if _, err := tx.ExecContext(ctx, s.query, s.args...); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// PolicyRuns returns the last ten times of a policy, the latest first.
func (l *Ledger) PolicyRuns(ctx context.Context, policy string) ([]PolicyRun, error) {
	var all []PolicyRun
	err := l.callSince(ctx, segmentsSince, "policy runs", func() error {
		rows, err := l.reader.QueryContext(ctx, policyRunsSQL, policy, policyRunsKept)
		if err != nil {
			return err
		}
		all, err = collect(rows, 0, func(rows *sql.Rows) (PolicyRun, error) {
			var r PolicyRun
			var at int64
			err := rows.Scan(&at, &r.Marked)
			r.At = time.UnixMilli(at).UTC()
			return r, err
		})
		return err
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	return all, nil
}
