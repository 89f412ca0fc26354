package archive

import (
	"sync"

	"logstow/archive/ledger"
)

// claims lets one item of a job be worked on at a time, and remembers what was
// written for it until the ledger knows.
//
// A claim lives from its first item's look-up to the commit of its last. So a
// look-up that begins after a claim was made sees all that earlier claims on
// the same job wrote.
type claims struct {
	mu   sync.Mutex
	jobs map[ledger.Ref]*claim // guarded by mu
}

// claim is the items of one job that are on their way.
type claim struct {
	ref     ledger.Ref
	items   int     // guarded by claims.mu: not yet committed
	held    bool    // guarded by claims.mu: one is worked on
	waiting []*item // guarded by claims.mu: the others, in source order

	// versions is what the ledger knew, and what was written since; err says
	// that it could not tell, so that nothing of this job may be written. Both
	// belong to whoever holds the claim.
	versions []ledger.Version
	err      error
}

func newClaims() *claims { return &claims{jobs: map[ledger.Ref]*claim{}} }

// enter claims the item's job. held tells that the item may be worked on;
// otherwise leave hands it out in its turn. fresh tells that the ledger must
// be asked for the versions first.
func (c *claims) enter(it *item) (held, fresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ref := it.ref()
	cl := c.jobs[ref]
	if cl == nil {
		cl, fresh = &claim{ref: ref}, true
		c.jobs[ref] = cl
	}
	it.busy = cl
	cl.items++
	if cl.held {
		cl.waiting = append(cl.waiting, it)
		return false, false
	}
	cl.held = true
	return true, fresh
}

// leave gives the claim up and returns the item that holds it now, or nil.
func (c *claims) leave(cl *claim) *item {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(cl.waiting) == 0 {
		cl.held = false
		return nil
	}
	next := cl.waiting[0]
	cl.waiting = cl.waiting[1:]
	return next
}

// committed forgets claims none of whose items is left.
func (c *claims) committed(items []*item) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, it := range items {
		if it.busy == nil {
			continue
		}
		if it.busy.items--; it.busy.items == 0 {
			delete(c.jobs, it.busy.ref)
		}
	}
}

// known looks for the record among the versions of its job.
func (cl *claim) known(it *item) (ledger.Version, bool) {
	for _, v := range cl.versions {
		if v.InputHash == ledger.Hash(it.info.InputHash) {
			return v, true
		}
	}
	return ledger.Version{}, false
}

// taken tells whether another version has, or ever had, the key: a key is never
// used twice, also where what was there is in a segment, expired or erased. What
// is stored and could not be compared says nothing of what is there.
func (cl *claim) taken(key string) bool {
	for _, v := range cl.versions {
		if v.Key == key && (v.Verified || v.State != ledger.Stored) {
			return true
		}
	}
	return false
}
