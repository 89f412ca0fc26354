package retain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"logstow/archive/holds"
	"logstow/archive/ledger"
)

// ExpireConfig says what is to expire, beside where.
type ExpireConfig struct {
	Config
	Policies Policies
	Grace    time.Duration // between marking a document and removing it; 0: DefaultGrace
	Yes      bool          // mark also where a policy matches far more than it used to
	DryRun   bool          // nothing is written

	Now func() time.Time // nil: time.Now

	// Progress, where not nil, is called a few times a second, never concurrently.
	Progress func(Expired)

	// Each, where not nil, is called for each document that something happens to,
	// or would (DryRun); never concurrently. What is erased has no mark.
	Each func(What, ledger.Document, ledger.Mark)

	// Notice, where not nil, is called for what is left as it is although it is its
	// turn: held, retained by the store. Never concurrently.
	Notice func(key, reason string)
}

// DefaultGrace is how long something is marked before it is removed.
const DefaultGrace = 7 * 24 * time.Hour

// What is what happens to a document.
type What string

// The steps of expiry.
const (
	Marks   What = "mark"
	Unmarks What = "unmark" // a policy, or a hold, doesn't let it expire any more
	Removes What = "remove"
	Erases  What = "erase" // that was asked for while a hold kept it
)

// Expired is what a run of Expire did. Its JSON form is what retain --json prints;
// it only grows.
type Expired struct {
	Looked          int64            `json:"looked"`   // documents that are old enough for any policy
	Marked          int64            `json:"marked"`   // now
	Policies        map[string]int64 `json:"policies"` // of those, by policy
	Unmarked        int64            `json:"unmarked"`
	Waiting         int64            `json:"waiting"` // marked, and not due
	Removed         int64            `json:"removed"`
	RemovedBytes    int64            `json:"removed_bytes"`
	InSegments      int64            `json:"in_segments"` // removed, and still in a segment, which is rewritten later
	Held            int64            `json:"held"`        // that would expire or be erased; each is a Notice
	Retained        int64            `json:"retained"`    // by the store; each is a Notice
	Erased          int64            `json:"erased"`      // versions whose erasure something had held until now
	Rewritten       int64            `json:"rewritten"`   // segments
	DurationSeconds float64          `json:"duration_seconds"`
}

// Expire does what policies say, in two steps with a grace between them: what they
// say has expired is marked, and what was marked a grace ago is removed. Before that,
// erasures that a hold had kept from happening, and removals that were begun, are
// finished. What is marked and matches no more, or is held, is unmarked; what another
// policy says has expired than the one that it was marked by is marked anew.
//
// Precedence: hold, erasure, keep at least, expiry. It begins with LoadHolds, and
// without it nothing is done. Where a policy matches far more than it used to it is
// a *FarMoreError for each that does, and nothing is marked, nor anything removed
// that was not begun before.
//
// A document that lies in a segment is Expiring from then on: nobody finds it any
// more. Its bytes go when all of the segment does, or else 31 days after the first
// of its documents was to expire, when it is rewritten; never later than what the
// next run after that takes.
//
// It may be interrupted and repeated, and two beside each other are safe. Where ctx
// is of a lease that is lost it is ledger.ErrFenced, and nothing more is removed
// but what one request names.
func Expire(ctx context.Context, c ExpireConfig) (Expired, error) {
	e, err := newExpirer(c)
	if err != nil {
		return Expired{}, err
	}
	began := time.Now()
	err = e.run(ctx)
	e.did.DurationSeconds = time.Since(began).Seconds()
	if c.Progress != nil {
		c.Progress(e.did)
	}
	return e.did, err
}

// expirer is one run of Expire.
type expirer struct {
	ExpireConfig
	now   time.Time
	holds holds.Standing
	did   Expired

	segments map[int64]*remnant // by id: those with what is Expiring
	packed   map[string]bool    // by user: whether they have segments

	told time.Time // when Progress was last called
}

func newExpirer(c ExpireConfig) (*expirer, error) {
	if err := c.Policies.err(); err != nil {
		return nil, fmt.Errorf("policies: %w", err)
	}
	if c.Grace < 0 {
		return nil, fmt.Errorf("grace %s is negative", c.Grace)
	}
	if c.Grace == 0 {
		c.Grace = DefaultGrace
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &expirer{
		ExpireConfig: c, now: c.Now().UTC(),
		did:      Expired{Policies: map[string]int64{}},
		segments: map[int64]*remnant{}, packed: map[string]bool{},
	}, nil
}

// run takes the steps. What a policy that matches far too much says is not done;
// what was begun before it is.
func (e *expirer) run(ctx context.Context) error {
	if err := e.load(ctx); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{e.eraseOwed, e.finish, e.unmark} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	farMore := e.guard(ctx)
	switch {
	case farMore == nil, e.DryRun && onlyFarMore(farMore):
		if err := e.mark(ctx); err != nil {
			return err
		}
		if err := e.removeDue(ctx); err != nil {
			return err
		}
	case !onlyFarMore(farMore):
		return farMore
	}
	return errors.Join(farMore, e.rewrite(ctx))
}

// load has the holds of the store. A dry run doesn't record them.
func (e *expirer) load(ctx context.Context) (err error) {
	if !e.DryRun {
		if err := LoadHolds(ctx, e.Config); err != nil {
			return err
		}
	}
	e.holds, err = standingHolds(ctx, e.Config)
	return err
}

// each tells that something happened to a document.
func (e *expirer) each(what What, d ledger.Document, m ledger.Mark) {
	if e.Each != nil {
		e.Each(what, d, m)
	}
	e.tick()
}

// held notes that a document stays since it is on hold.
func (e *expirer) held(d *ledger.Document, what string) {
	e.did.Held++
	reason := what
	if ids := e.holds.Of(d); len(ids) > 0 {
		reason += " " + ids[0]
	}
	if e.Notice != nil {
		e.Notice(d.Key, reason)
	}
}

// progressEvery is how often Progress is called, at most.
const progressEvery = 300 * time.Millisecond

func (e *expirer) tick() {
	if e.Progress != nil && time.Since(e.told) >= progressEvery {
		e.told = time.Now()
		e.Progress(e.did)
	}
}
