package check_test

import (
	"testing"

	"logstow/archive/check"
	"logstow/archive/store/memstore"
)

// Rows that aren't found by their jobs, and those that are there twice, are named
// and are no damage.
func TestFindsRowsThatAreNotFound(t *testing.T) {
	w := newWorld(t, memstore.New())
	w.fillSegments()
	for _, id := range []int{5000, 5001} {
		w.change(`INSERT INTO documents (id, job, user_id, input_hash, state, kind, revision, overflow, verified, time,
  status, recipe, key, size, line_count) VALUES (?, 'nobody', '5', zeroblob(32), 'expired', 'job', 0, 0, 1, 0, '', 'r', 'k', 1, -1)`, id)
	}
	_, err := w.ledger.Recount(t.Context())
	w.ok(err)
	w.want(check.Config{Settle: -1},
		found{check.Drift, false, check.LedgerKey, "row 5000 isn't found by its job"},
		found{check.Drift, false, check.LedgerKey, "row 5001 isn't found by its job"})
	_, err = w.ledger.Reindex(t.Context())
	w.ok(err)
	w.want(check.Config{Settle: -1}, found{check.Doubled, false, check.LedgerKey, "row 5001 is the same version as row 5000"})
}
