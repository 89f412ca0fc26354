package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
)

// activeHolds are the holds that are active during one transaction. Those of a
// job, of which there may be thousands, are found by it.
type activeHolds struct {
	ofJob  map[string][]Hold
	others []Hold
}

// loadHolds reads the active holds. One that can't be read is ErrDamaged: what it
// holds can't be told, so that nothing may be removed.
func loadHolds(ctx context.Context, tx *sql.Tx) (activeHolds, error) {
	rows, err := tx.QueryContext(ctx, activeHoldsSQL)
	if err != nil {
		return activeHolds{}, fmt.Errorf("read holds: %w", err)
	}
	holds, err := collect(rows, 0, scanHold)
	if err != nil {
		return activeHolds{}, fmt.Errorf("read holds: %w", err)
	}
	return newActiveHolds(holds), nil
}

func newActiveHolds(holds []Hold) activeHolds {
	a := activeHolds{ofJob: map[string][]Hold{}}
	for _, h := range holds {
		if job := h.Scope.Job; job != "" {
			a.ofJob[job] = append(a.ofJob[job], h)
			continue
		}
		a.others = append(a.others, h)
	}
	return a
}

// match tells whether any of them holds d.
func (a *activeHolds) match(d *Document) bool {
	for _, holds := range [][]Hold{a.ofJob[d.Job], a.others} {
		for i := range holds {
			if holds[i].Holds(d) {
				return true
			}
		}
	}
	return false
}

// heldIn divides docs, in their order, into those that no active hold matches and
// those that one does. They are as the ledger has them: read in the same
// transaction, so that no hold is recorded in between.
func heldIn(ctx context.Context, tx *sql.Tx, docs []Document) (free, held []Document, err error) {
	holds, err := loadHolds(ctx, tx)
	if err != nil {
		return nil, nil, err
	}
	for i := range docs {
		if holds.match(&docs[i]) {
			held = append(held, docs[i])
			continue
		}
		free = append(free, docs[i])
	}
	return free, held, nil
}

const (
	selectHolds = "SELECT id, scope, placed_by, reason, placed, released, released_by, release_reason FROM holds"

	activeHoldsSQL = selectHolds + " WHERE released IS NULL ORDER BY placed, id"
	allHoldsSQL    = selectHolds + " ORDER BY placed, id"
)

func scanHold(rows *sql.Rows) (Hold, error) {
	var h Hold
	var scope string
	var placed int64
	var released sql.NullInt64
	if err := rows.Scan(&h.ID, &scope, &h.By, &h.Reason, &placed, &released, &h.ReleasedBy, &h.ReleaseReason); err != nil {
		return Hold{}, err
	}
	// A member that is not known is of a later version, and makes the scope
	// narrower: without it more is held, never less.
	if err := json.Unmarshal([]byte(scope), &h.Scope); err != nil {
		return Hold{}, fmt.Errorf("%w: the scope of hold %s: %w", ErrDamaged, h.ID, err)
	}
	h.Placed, h.Released = fromInstant(sql.NullInt64{Int64: placed, Valid: true}), fromInstant(released)
	return h, nil
}
