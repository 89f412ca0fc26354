package retain

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"logstow/archive/ledger"
)

// HeldError says that holds keep something from being erased. It goes when they are
// released: the erasure is on record.
type HeldError struct {
	Versions int64
	Holds    []string // their ids
}

// Error names the holds.
func (e *HeldError) Error() string {
	versions, some := "1 version is", e.Holds[:min(len(e.Holds), 10)]
	if e.Versions != 1 {
		versions = fmt.Sprintf("%d versions are", e.Versions)
	}
	names := strings.Join(some, ", ")
	if more := len(e.Holds) - len(some); more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return versions + " on hold (" + names + "), to be erased once that is released"
}

// heldVersions is what was held of an erasure.
type heldVersions struct {
	n     int64
	holds []string
}

// add takes versions that were held, and looks by which holds.
func (h *heldVersions) add(ctx context.Context, l *ledger.Ledger, held []ledger.Document) error {
	if len(held) == 0 {
		return nil
	}
	active, err := l.Holds(ctx, true)
	if err != nil {
		return err
	}
	h.n += int64(len(held))
	for _, hold := range active {
		if slices.Contains(h.holds, hold.ID) {
			continue
		}
		if slices.ContainsFunc(held, func(d ledger.Document) bool { return hold.Holds(&d) }) {
			h.holds = append(h.holds, hold.ID)
		}
	}
	return nil
}

// error is a *HeldError; nil where nothing was held.
func (h *heldVersions) error() error {
	if h.n == 0 {
		return nil
	}
	return &HeldError{Versions: h.n, Holds: h.holds}
}
