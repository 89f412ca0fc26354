package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"logstow/layout"
)

// Hold keeps whatever is within its scope from being removed or moved, now and
// later, until it is released. The store has it; the ledger has a copy.
type Hold struct {
	ID     string // 32 hex digits
	Scope  layout.Scope
	By     string
	Reason string
	Placed time.Time

	Released      time.Time // zero: it is active
	ReleasedBy    string
	ReleaseReason string
}

// Holds tells whether it is active and d within its scope.
func (h *Hold) Holds(d *Document) bool {
	return h.Released.IsZero() && h.Scope.Matches(layout.Subject{
		User: d.User, Recipe: d.Recipe, Job: d.Job, Status: d.Status, Kind: d.Kind, Time: d.Time,
	})
}

// Within is the query of what is within a scope.
func Within(s layout.Scope) Query {
	return Query{User: s.User, Recipe: s.Recipe, Job: s.Job, Statuses: s.Statuses, Kinds: s.Kinds, From: s.From, To: s.To}
}

const recordHoldSQL = `INSERT INTO holds (id, scope, placed_by, reason, placed, released, released_by, release_reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET released = excluded.released,
  released_by = excluded.released_by, release_reason = excluded.release_reason
  WHERE holds.released IS NULL AND excluded.released IS NOT NULL`

// RecordHolds records holds that the store has, or what became of them: one that
// is known is only ever released. It returns what those of them that are active
// match and is being removed already, at most ten documents: that can't be held
// any more. One that could not be told from another later is refused, and nothing
// is recorded then.
func (l *Ledger) RecordHolds(ctx context.Context, holds []Hold) (leaving []Document, err error) {
	if len(holds) == 0 {
		return nil, ctx.Err()
	}
	var active []Hold
	rows := make([][]any, len(holds))
	for i := range holds {
		if rows[i], err = holds[i].row(); err != nil {
			return nil, fmt.Errorf("ledger %s: record hold %q: %w", l.path, holds[i].ID, err)
		}
		if holds[i].Released.IsZero() {
			active = append(active, holds[i])
		}
	}
	err = l.write(ctx, "record holds", func(ctx context.Context, tx *sql.Tx) error {
		for _, row := range rows {
			if _, err := tx.ExecContext(ctx, recordHoldSQL, row...); err != nil {
				return err
			}
		}
		var err error
		leaving, err = leavingOf(ctx, tx, newActiveHolds(active))
		return err
	})
	if err != nil {
		return nil, err
	}
	return leaving, nil
}

// row is the hold as the table has it. It refuses one whose scope would not come
// back as it is, since JSON has no other text than UTF-8: it would hold nothing.
func (h *Hold) row() ([]any, error) {
	if n, err := layout.Parse(layout.Hold(h.ID)); err != nil || n.Kind != layout.HoldKey {
		return nil, errors.New("its id is not 32 lower-case hex digits")
	}
	if h.Placed.IsZero() {
		return nil, errors.New("it has no time")
	}
	texts := append([]string{h.Scope.User, h.Scope.Recipe, h.Scope.Job}, h.Scope.Statuses...)
	for _, s := range append(texts, h.Scope.Kinds...) {
		if !utf8.ValidString(s) {
			return nil, fmt.Errorf("%.100q in its scope is not UTF-8", s)
		}
	}
	scope, err := json.Marshal(h.Scope)
	if err != nil {
		return nil, fmt.Errorf("its scope: %w", err)
	}
	return []any{
		h.ID, string(scope), h.By, h.Reason, h.Placed.UnixMilli(),
		instant(h.Released), h.ReleasedBy, h.ReleaseReason,
	}, nil
}

// Holds returns all holds, or the active ones alone, in the order of their
// placing.
func (l *Ledger) Holds(ctx context.Context, active bool) ([]Hold, error) {
	query := allHoldsSQL
	if active {
		query = activeHoldsSQL
	}
	var all []Hold
	err := l.callSince(ctx, segmentsSince, "holds", func() error {
		rows, err := l.reader.QueryContext(ctx, query)
		if err != nil {
			return err
		}
		all, err = collect(rows, 0, scanHold)
		return err
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	return all, nil
}

var owedSQL = "SELECT " + documentList + ` FROM owed CROSS JOIN documents
WHERE id = document AND +state = 'stored' ORDER BY document`

// Owed returns the Stored documents whose erasure was asked for while something
// held them, in the order of recording.
func (l *Ledger) Owed(ctx context.Context) ([]Document, error) {
	var all []Document
	err := l.callSince(ctx, segmentsSince, "owed", func() (err error) {
		all, err = l.documents(ctx, owedSQL, nil, 0)
		return err
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	return all, nil
}
