package retain

import (
	"context"
	"fmt"
	"time"

	"logstow/archive/ledger"
	"logstow/layout"
)

// UserErased is what erasing all of a user did. Its JSON form is what erase --json
// prints; it only grows.
type UserErased struct {
	Documents    int64    `json:"documents"` // versions of jobs and events that are gone
	Segments     int64    `json:"segments"`  // removed or made anew
	Exports      int64    `json:"exports"`
	Quarantined  int64    `json:"quarantined"`  // records of the user that were in quarantine
	Unattributed int64    `json:"unattributed"` // quarantined records of which nothing tells whose they are
	Held         int64    `json:"held"`         // versions that a hold keeps: they go when it is released
	Retained     []string `json:"retained"`     // keys that the store does not let go
	Left         []string `json:"left"`         // keys that were found when all was done, and should not have been; at most MaxLeft
}

// MaxLeft is how many keys are named that should not have been left.
const MaxLeft = 1000

// EraseUser removes everything of a user for good: documents and events, every
// version and whatever lies beside them, the rows in segments, files made for
// download, and what is in quarantine. It is recorded in the store first, with ids
// and hashes alone, so that the same records are refused when they come again, also
// by a ledger that is made anew. At the end it looks whether anything is left.
// Queries of all users' jobs go too, since nothing tells what is in those files.
//
// It may be interrupted and repeated. What the store keeps is a *store.RetainedError,
// what holds keep a *HeldError, and everything else is gone then.
func EraseUser(ctx context.Context, c Config, user string, why Why, progress func(UserErased)) (UserErased, error) {
	u := &userErasing{erasing: newErasing(c, why), user: user, progress: progress}
	if u.progress == nil {
		u.progress = func(UserErased) {}
	}
	u.did.Retained, u.did.Left = []string{}, []string{}
	if err := u.run(ctx); err != nil {
		return u.now(), fmt.Errorf("erase user %q: %w", user, err)
	}
	if err := u.left(); err != nil {
		return u.now(), fmt.Errorf("erase user %q: %w", user, err)
	}
	return u.now(), nil
}

// userErasing is the erasure of all of a user.
type userErasing struct {
	*erasing
	user     string
	did      UserErased
	progress func(UserErased)
}

// now is what was done so far.
func (u *userErasing) now() UserErased {
	u.did.Segments, u.did.Exports, u.did.Held = u.rewrites, u.exports, u.erasing.held.n
	u.did.Retained = u.kept.names()
	return u.did
}

func (u *userErasing) run(ctx context.Context) error {
	prefixes, err := layout.UserPrefixes(u.user)
	if err != nil {
		return err
	}
	if err := LoadHolds(ctx, u.Config); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		u.beginAll, u.sweep, u.eraseAll, u.quarantine,
		func(ctx context.Context) error { return u.look(ctx, prefixes) },
	} {
		if err := step(ctx); err != nil {
			return err
		}
		u.progress(u.now())
	}
	return nil
}

// beginAll begins with all that is listed of the user, and with what is to expire.
func (u *userErasing) beginAll(ctx context.Context) error {
	var page []ledger.Document
	begin := func() error {
		if len(page) == 0 {
			return nil
		}
		_, err := u.begin(ctx, page)
		page = nil
		u.progress(u.now())
		return err
	}
	for d, err := range u.Ledger.Documents(ctx, ledger.Query{User: u.user}) {
		if err != nil {
			return err
		}
		if page = append(page, d); len(page) < erasePage {
			continue
		}
		if err := begin(); err != nil {
			return err
		}
	}
	if err := begin(); err != nil {
		return err
	}
	for m, err := range u.Ledger.Expiring(ctx) {
		if err != nil {
			return err
		}
		if m.User != u.user {
			continue
		}
		if page = append(page, m.Document); len(page) < erasePage {
			continue
		}
		if err := begin(); err != nil {
			return err
		}
	}
	return begin()
}

// sweep removes the files that may hold anything of the user.
func (u *userErasing) sweep(ctx context.Context) error {
	exports, err := u.Ledger.SweepUser(ctx, u.user, u.why.Audit.At)
	if err != nil {
		return err
	}
	return u.removeExports(ctx, exports)
}

// eraseAll removes all that is Deleting of the user, from every segment of theirs.
func (u *userErasing) eraseAll(ctx context.Context) error {
	gone, err := u.resume(ctx, u.user)
	u.did.Documents += int64(gone)
	if err != nil {
		return err
	}
	all, err := u.Ledger.Segments(ctx, ledger.SegmentQuery{User: u.user, States: []ledger.SegmentState{
		ledger.SegmentWriting, ledger.SegmentReplaced, ledger.SegmentDeleting,
	}})
	if err != nil {
		return err
	}
	months := map[time.Time]bool{}
	for _, s := range all {
		months[s.Month] = true
	}
	for month := range months {
		if err := u.segments(ctx, u.user, []time.Time{month}); err != nil {
			return err
		}
	}
	return nil
}
