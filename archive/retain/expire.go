package retain

import (
	"context"
	"time"

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

	// Each, where not nil, is called for each document that is marked, or would
	// be (DryRun), and for each that is removed or would be; never concurrently.
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
	Held            int64            `json:"held"`
	Retained        int64            `json:"retained"`  // by the store; each is a Notice
	Erased          int64            `json:"erased"`    // versions whose erasure something had held until now
	Rewritten       int64            `json:"rewritten"` // segments
	DurationSeconds float64          `json:"duration_seconds"`
}

// FarMoreError says that a policy matches far more than it used to. Nothing of any
// policy was marked.
//
// Far more is more than 1,000 documents and more than ten times the median of what
// it marked the last ten times.
type FarMoreError struct {
	Policy  string
	Matches int64
	Usual   int64 // the median; -1: it never ran
}

// Error says how much more.
func (e *FarMoreError) Error() string { panic("contract") }

// Expire does what policies say, in two steps with a grace between them: what they
// say has expired is marked, and what was marked a grace ago is removed. Before that,
// erasures that a hold had kept from happening, and removals that were begun, are
// finished. What is marked and matches no more, or is held, is unmarked.
//
// Precedence: hold, erasure, keep at least, expiry. It begins with LoadHolds, and
// without it nothing is done.
//
// A document that lies in a segment is Expiring from then on: nobody finds it any
// more. Its bytes go when all of the segment does, or else 31 days after the first
// of its documents was to expire, when it is rewritten; never later than what the
// next run after that takes.
func Expire(ctx context.Context, c ExpireConfig) (Expired, error) {
	panic("contract")
}

// Explanation tells one document's fate. Its JSON form is what retain explain
// --json prints; it only grows.
type Explanation struct {
	Key      string    `json:"key"`
	State    string    `json:"state"`
	Time     time.Time `json:"time"`
	Fate     string    `json:"fate"`             // one sentence: what will happen, when, and who says so
	Removed  time.Time `json:"removed,omitzero"` // the earliest it may be removed; zero: never as things are
	Policy   string    `json:"policy,omitempty"`
	Floor    string    `json:"floor,omitempty"` // the policy that keeps it at least so long
	Holds    []string  `json:"holds,omitempty"` // ids of those that match
	Segment  string    `json:"segment,omitempty"`
	Retained time.Time `json:"retained,omitzero"` // by the store's Object Lock
}

// Explain tells what is to become of a document, and why. It writes nothing.
func Explain(ctx context.Context, c ExpireConfig, d ledger.Document) (Explanation, error) {
	panic("contract")
}
