package main

import (
	"context"
	"fmt"
	"strconv"

	"logstow/archive/ledger"
	"logstow/export"
)

// quarantineIDs reads the numbers of quarantined records.
func quarantineIDs(args []string) ([]int64, error) {
	var ids []int64
	for _, arg := range args {
		id, err := strconv.ParseInt(arg, 10, 64)
		if err != nil || id < 1 {
			return nil, usagef("%q is not the number of a quarantined record: see logstow quarantine ls", arg)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// findQuarantined returns the open records with the given ids, or all open
// ones where there are none. Each id must be there.
func findQuarantined(ctx context.Context, l *ledger.Ledger, ids []int64) ([]ledger.Quarantined, error) {
	found := map[int64]bool{}
	var records []ledger.Quarantined
	states := []ledger.QuarantineState{ledger.StillOpen, ledger.Dropping}
	for q, err := range l.Quarantine(ctx, ledger.QuarantineQuery{States: states, IDs: ids}) {
		if err != nil {
			return nil, err
		}
		found[q.ID] = true
		records = append(records, q)
	}
	for _, id := range ids {
		if !found[id] {
			return nil, fmt.Errorf("quarantined record %d: %w (or it was archived or dropped since)", id, export.ErrNotFound)
		}
	}
	return records, nil
}
