package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Hash is a SHA-256.
type Hash [sha256.Size]byte

// String is the hash in 64 lower-case hex digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// State says what became of a document.
type State string

// The states of a document. Only Stored ones are listed and read.
const (
	Stored   State = "stored"
	Deleting State = "deleting" // to be erased; its objects may already be gone
	Expiring State = "expiring" // to expire; its objects may already be gone
	Erased   State = "erased"   // refused when it comes again
	Expired  State = "expired"  // refused when it comes again
)

// Document is what the ledger knows of one version of a job or an event.
type Document struct {
	ID   int64  // in the order of recording; set by the ledger
	Kind string // a jobfile.Kind

	User   string
	Recipe string // of an event: its type
	Job    string // of an event: its id
	Status string // empty for events

	Time        time.Time // names the day of the key; to the millisecond
	StartedAt   time.Time // zero where unknown
	CompletedAt time.Time // zero where unknown
	Title       string    // at most MaxText bytes of it, as are the next two
	Error       string
	ErrorType   string
	Lines       int64 // -1 where unknown

	Key      string // in the store, literally
	Revision bool   // Key lies under _logstow/revisions/
	Changed  string // what was done to it: "", or some of "capped,deduplicated,status"; see jobfile
	Overflow bool   // the full record lies under layout.Overflow(Key)
	Verified bool   // we wrote these bytes or compared them

	InputHash Hash // of the inner record as received: the identity of content
	SHA256    Hash // of the object's bytes
	InputSize int64
	Size      int64

	State      State // Stored where empty
	Source     string
	ArchivedAt time.Time

	// Segment is the segment that the document lies in, and SegmentRow which of
	// its rows it is, from 0. 0: it lies under Key. They are set by CommitSegments,
	// KeepInput, EndSegmentRemoval and AdoptSegment alone: Commit, and whatever else
	// takes a Document, passes over them.
	Segment    int64
	SegmentRow int64
}

// MaxText is how many bytes of a title or an error the ledger keeps.
const MaxText = 500

// Ref names a job or an event of one user.
type Ref struct {
	User, Job string
}

// Version is what a look-up before writing needs to know of a document.
type Version struct {
	Key       string
	InputHash Hash
	State     State
	Revision  bool
	Overflow  bool
	Verified  bool
}

// Quarantined is a record that could not be archived. Its raw bytes are in the
// store.
type Quarantined struct {
	ID     int64 // set by the ledger
	Source string
	Part   string
	Offset int64 // of its first byte in Part
	Size   int64
	SHA256 Hash   // of the raw bytes
	Key    string // of the zstd-compressed raw bytes
	Reason string
	At     time.Time
	State  QuarantineState // StillOpen where empty
}

// QuarantineState says what became of a quarantined record.
type QuarantineState string

// The states of a quarantined record.
const (
	StillOpen QuarantineState = "open"
	Retried   QuarantineState = "retried" // archived since; its raw bytes may be gone
	Dropping  QuarantineState = "dropping"
	Dropped   QuarantineState = "dropped" // by a command; its raw bytes are gone
)

// Cursor is how far one part of a source was read.
type Cursor struct {
	Source, Part, Value string
}

// Batch is what Commit records in one transaction.
type Batch struct {
	Documents   []Document
	Quarantined []Quarantined
	Cursors     []Cursor
}

// Query selects documents. Zero fields select everything.
type Query struct {
	User, Recipe string
	Job          string
	Recipes      []string // any of these; at most MaxValues of each list
	Statuses     []string // compared without regard to case
	Kinds        []string
	From, To     time.Time // From <= Time < To
	Limit        int       // 0: no limit
	After        *Position // only what comes after it in the listing
}

// MaxValues is how many values a list of a Query may have.
const MaxValues = 5000

// Position is a place in a listing, stable while documents arrive.
type Position struct {
	Time time.Time
	ID   int64
}

// Run is one run of a command that writes.
type Run struct {
	ID      int64
	Command string
	Started time.Time
	Ended   time.Time // zero while running, or when the process died
	Outcome string    // "ok", "partial", "failed", "interrupted"; empty while running
	Summary string    // the JSON object that --json prints
	Error   string    // why it failed; at most MaxText bytes

	Task    string    // empty: the run was of no task, and has none of the rest
	Planned time.Time // zero: it was asked for
	Attempt int64     // which, from 1, at what was planned
	Fence   int64     // of the lease under which it ran
	Settles bool      // given to EndRun: what was planned then or earlier is done with
}
