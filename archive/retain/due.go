package retain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
)

// eraseOwed erases what was asked for while a hold kept it that is released, and
// finishes erasures that were begun.
func (e *expirer) eraseOwed(ctx context.Context) error {
	owed, err := e.Ledger.Owed(ctx)
	if err != nil {
		return fmt.Errorf("look for erasures that holds kept: %w", err)
	}
	var free []ledger.Document
	for _, d := range owed {
		if len(e.holds.Of(&d)) > 0 {
			e.held(&d, "its erasure was asked for, and it is on hold")
			continue
		}
		free = append(free, d)
	}
	if e.DryRun {
		begun, err := e.Ledger.Deleting(ctx)
		if err != nil {
			return fmt.Errorf("look for unfinished erasures: %w", err)
		}
		free = append(begun, free...)
		e.did.Erased = int64(len(free))
	} else if err := e.erase(ctx); err != nil {
		return err
	}
	for _, d := range free {
		e.each(Erases, d, ledger.Mark{})
	}
	return nil
}

func (e *expirer) erase(ctx context.Context) error {
	why := Why{
		By: "logstow retain", Reason: "asked for before, and kept by a hold or not finished",
		Audit: ledger.AuditEntry{At: e.now, Action: "delete", Outcome: "ok"},
	}
	begun, err := ResumeAll(ctx, e.Config, why)
	e.did.Erased += int64(begun)
	if err := e.left(err); err != nil {
		return err
	}
	owed, err := EraseOwed(ctx, e.Config, why)
	e.did.Erased += owed
	return e.left(err)
}

// finish removes what an earlier run had begun to.
func (e *expirer) finish(ctx context.Context) error {
	for all, err := range chunks(e.Ledger.Expiring(ctx), batch) {
		if err != nil {
			return fmt.Errorf("look for unfinished removals: %w", err)
		}
		if err := e.remove(ctx, all, againTurn); err != nil {
			return err
		}
	}
	return nil
}

// removeDue removes what is marked and due.
func (e *expirer) removeDue(ctx context.Context) error {
	for all, err := range chunks(e.Ledger.Marks(ctx, ledger.MarkQuery{DueBy: e.now}), batch) {
		if err != nil {
			return fmt.Errorf("look for what is due: %w", err)
		}
		var due []ledger.Marked
		for _, m := range all {
			if e.still(&m) && !e.due(m.Mark).After(e.now) {
				due = append(due, m)
			}
		}
		if !e.DryRun {
			if due, err = e.start(ctx, due); err != nil {
				return err
			}
		}
		if err := e.remove(ctx, due, firstTurn); err != nil {
			return err
		}
	}
	return nil
}

// start has documents Expiring, and returns them as the ledger has them then: from
// then on nobody finds them, and nothing moves them.
func (e *expirer) start(ctx context.Context, due []ledger.Marked) ([]ledger.Marked, error) {
	docs := make([]ledger.Document, len(due))
	policies := make(map[int64]string, len(due))
	for i, m := range due {
		docs[i], policies[m.ID] = m.Document, m.Mark.Policy
	}
	some, held, err := e.Ledger.StartExpiry(ctx, docs, e.now)
	if err != nil {
		return nil, err
	}
	for _, d := range held { // placed since the holds were loaded
		e.held(&d, "policy "+policies[d.ID]+" lets it expire, and it is on hold")
	}
	started := make(map[int64]ledger.Document, len(some))
	for _, d := range some {
		started[d.ID] = d
	}
	due = slices.DeleteFunc(due, func(m ledger.Marked) bool { return started[m.ID].ID == 0 })
	for i := range due {
		due[i].Document = started[due[i].ID]
	}
	return due, nil
}

// left counts what an error names that was left as it is, since the store does not
// let it go or a hold was placed this moment, which is no error. What else it says it
// returns.
func (e *expirer) left(err error) error {
	switch err := err.(type) { //nolint:errorlint // it is taken apart
	case nil:
		return nil
	case *HeldError:
		e.did.Held += err.Versions
		return nil
	case *store.RetainedError:
		e.retained(err)
		return nil
	case interface{ Unwrap() []error }:
		var rest []error
		for _, one := range err.Unwrap() {
			rest = append(rest, e.left(one))
		}
		return errors.Join(rest...)
	case interface{ Unwrap() error }:
		if inner := err.Unwrap(); inner == nil || e.left(inner) != nil {
			return err.(error)
		}
		return nil
	default:
		return err
	}
}

// retained counts what the store does not let go, and says until when.
func (e *expirer) retained(err *store.RetainedError) {
	e.did.Retained += int64(len(err.Keys))
	if e.Notice == nil {
		return
	}
	reason := "retained by the store"
	if !err.Until.IsZero() {
		reason += " until " + err.Until.UTC().Format(time.RFC3339)
		if len(err.Keys) > 1 {
			reason += " at the earliest"
		}
	}
	for _, key := range err.Keys {
		e.Notice(key, fmt.Sprintf("%s: %v", reason, err.Err))
	}
}
