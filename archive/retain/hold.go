package retain

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"logstow/archive/compact"
	"logstow/archive/holds"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

// Placed is what placing a hold did. Its JSON form is what hold place --json
// prints; it only grows.
type Placed struct {
	Hold      ledger.Hold `json:"-"`
	Documents int64       `json:"documents"` // Stored ones within its scope now
	TakenOut  int64       `json:"taken_out"` // of those, copied out of segments
	Locked    int64       `json:"locked"`    // of those, under the store's own legal hold
}

// LeavingError says that what was to be held is being removed already.
type LeavingError struct {
	Documents []ledger.Document // some of them
}

// Error names them.
func (e *LeavingError) Error() string {
	var named []string
	for i, d := range e.Documents {
		if i == 10 {
			break
		}
		named = append(named, fmt.Sprintf("%s (%s)", d.Key, d.State))
	}
	if len(named) == 10 {
		named = append(named, "perhaps more")
	}
	return "can't be held any more, being removed already: " + strings.Join(named, ", ")
}

// maxHoldText is how many bytes a hold keeps of who placed it, and of why.
const maxHoldText = 4000

// Place places a hold: puts it in the store, then into the ledger, then takes what
// is within its scope out of segments, and puts the store's legal hold on it where
// the store has such. It holds whatever is archived later, too. h.ID and h.Placed
// are set by Place where empty.
//
// Once the store has it, it holds, and Place with the same ID goes on. What is being
// removed already is a *LeavingError; everything else is held then.
func Place(ctx context.Context, c Config, h ledger.Hold, progress func(Placed)) (Placed, error) {
	h = completed(h)
	if err := putHold(ctx, c.Store, h); err != nil {
		return Placed{Hold: h}, fmt.Errorf("place hold %s: %w", h.ID, err)
	}
	leaving, err := c.Ledger.RecordHolds(ctx, []ledger.Hold{h})
	if err != nil {
		return Placed{Hold: h}, fmt.Errorf("place hold %s: the store has it: %w", h.ID, err)
	}
	did := Placed{Hold: h}
	if err := secure(ctx, c, &did, progress); err != nil {
		return did, fmt.Errorf("hold %s is placed, and not all of it is done: %w", h.ID, err)
	}
	if len(leaving) > 0 {
		return did, fmt.Errorf("hold %s is placed: some %w", h.ID, &LeavingError{leaving})
	}
	return did, nil
}

// completed is a hold with what Place sets. Times are kept to the millisecond, as
// the ledger keeps them.
func completed(h ledger.Hold) ledger.Hold {
	if h.ID == "" {
		var id [16]byte
		_, _ = rand.Read(id[:]) // never fails
		h.ID = hex.EncodeToString(id[:])
	}
	if h.Placed.IsZero() {
		h.Placed = time.Now()
	}
	h.Placed = h.Placed.UTC().Truncate(time.Millisecond)
	h.By, h.Reason = textOf(h.By, maxHoldText), textOf(h.Reason, maxHoldText)
	return h
}

// putHold puts a hold, unless it is there already.
func putHold(ctx context.Context, s store.Store, h ledger.Hold) error {
	key := layout.Hold(h.ID)
	if n, err := layout.Parse(key); err != nil || n.Kind != layout.HoldKey {
		return fmt.Errorf("%q is no id of a hold: it has 32 hex digits", h.ID)
	}
	b := layout.Encode(layout.HoldRecord{ID: h.ID, Scope: h.Scope, By: h.By, Reason: h.Reason, At: h.Placed})
	if len(b) > holds.MaxRecord {
		return fmt.Errorf("its scope is too long: %d bytes, at most %d", len(b), holds.MaxRecord)
	}
	if again, err := layout.Decode[layout.HoldRecord](b); err != nil || !sameScope(again.Scope, h.Scope) {
		return fmt.Errorf("its scope %+q can't be written as JSON: %w", h.Scope, cmp.Or(err, fs.ErrInvalid))
	}
	err := s.Put(ctx, key, store.Bytes(b), store.PutOptions{IfAbsent: true})
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	there, err := holds.Read(ctx, s, h.ID)
	if err != nil {
		return err
	}
	if !sameScope(there.Scope, h.Scope) {
		return fmt.Errorf("%s is of another scope: %w", key, fs.ErrExist)
	}
	return nil
}

func sameScope(a, b layout.Scope) bool {
	return a.User == b.User && a.Recipe == b.Recipe && a.Job == b.Job && a.From.Equal(b.From) && a.To.Equal(b.To) &&
		slices.Equal(a.Statuses, b.Statuses) && slices.Equal(a.Kinds, b.Kinds)
}

// secure takes what is within a hold's scope out of segments, and locks it in the
// store.
func secure(ctx context.Context, c Config, did *Placed, progress func(Placed)) error {
	if progress == nil {
		progress = func(Placed) {}
	}
	taken, err := compact.Restore(ctx, c.compact(), ledger.Within(did.Hold.Scope), func(r compact.Restored) {
		now := *did
		now.TakenOut, now.Documents = r.Documents, r.Documents+r.AlreadyThere
		progress(now)
	})
	did.TakenOut, did.Documents = taken.Documents, taken.Documents+taken.AlreadyThere
	if err != nil {
		return fmt.Errorf("take documents out of segments: %w", err)
	}
	n, err := lock(ctx, c, did.Hold.Scope, func(n int64) {
		now := *did
		now.Locked = n
		progress(now)
	})
	did.Locked = n
	return err
}

// Release releases a hold, and takes the store's legal hold off what no other hold
// matches. What it had kept from happening happens at the next run of Expire. One
// that is released already stays so. fs.ErrNotExist where there is none of that id,
// which may be shortened as long as only one begins so.
func Release(ctx context.Context, c Config, id, by, reason string) (ledger.Hold, error) {
	if err := LoadHolds(ctx, c); err != nil {
		return ledger.Hold{}, fmt.Errorf("release hold %.40s: %w", id, err)
	}
	h, err := findHold(ctx, c.Ledger, id)
	if err != nil {
		return ledger.Hold{}, fmt.Errorf("release hold %.40s: %w", id, err)
	}
	if h.Released.IsZero() {
		h.Released = time.Now().UTC().Truncate(time.Millisecond)
		h.ReleasedBy, h.ReleaseReason = textOf(by, maxHoldText), textOf(reason, maxHoldText)
		if err := putRelease(ctx, c.Store, &h); err != nil {
			return h, fmt.Errorf("release hold %s: %w", h.ID, err)
		}
		if _, err := c.Ledger.RecordHolds(ctx, []ledger.Hold{h}); err != nil {
			return h, fmt.Errorf("release hold %s: the store has it: %w", h.ID, err)
		}
	}
	if err := unlock(ctx, c, h.Scope); err != nil {
		return h, fmt.Errorf("hold %s is released, and the store's legal hold still on some: %w", h.ID, err)
	}
	return h, nil
}

// findHold returns the one hold whose id begins so.
func findHold(ctx context.Context, l *ledger.Ledger, id string) (ledger.Hold, error) {
	all, err := l.Holds(ctx, false)
	if err != nil {
		return ledger.Hold{}, err
	}
	var found []ledger.Hold
	for _, h := range all {
		if id != "" && strings.HasPrefix(h.ID, id) {
			found = append(found, h)
		}
	}
	switch len(found) {
	case 0:
		return ledger.Hold{}, fmt.Errorf("no such hold: %w", fs.ErrNotExist)
	case 1:
		return found[0], nil
	}
	return ledger.Hold{}, fmt.Errorf("%d holds begin so, such as %s and %s: say more of its id", len(found), found[0].ID, found[1].ID)
}

// putRelease puts that h is released. Where that was put before, h becomes what
// that says.
func putRelease(ctx context.Context, s store.Store, h *ledger.Hold) error {
	b := layout.Encode(layout.ReleaseRecord{ID: h.ID, By: h.ReleasedBy, Reason: h.ReleaseReason, At: h.Released})
	err := s.Put(ctx, layout.HoldRelease(h.ID), store.Bytes(b), store.PutOptions{IfAbsent: true})
	if errors.Is(err, fs.ErrExist) {
		return holds.ReadRelease(ctx, s, h)
	}
	return err
}
