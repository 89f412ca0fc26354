// Package compact turns a partition's documents into segments, and back.
//
// A partition is a user's month. Its documents are read, written into a segment
// and read back from the store; a manifest is put; then the ledger says, in one
// transaction, that they lie there. Their own objects go when a grace is over.
// Whatever step a process dies after, each document is whole where the ledger
// says it lies, and the next run goes on.
package compact

import (
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
)

// Config says what to compact and how. Store and Ledger are required.
type Config struct {
	Store  store.Store
	Ledger *ledger.Ledger

	// After says how long a document is to stay a file of its own, counted from
	// its time, or from when it was archived where its month has a segment
	// already; not ok: for good. nil: DefaultAfter for all.
	After func(d *ledger.Document) (wait time.Duration, ok bool)

	// Grace is how long a document's own object, or a replaced segment, stays
	// after the document lies elsewhere. It should be longer than anything that
	// reads it takes: downloads, and queries of other tools.
	Grace time.Duration

	SegmentBytes int64  // how large a segment's file becomes, about; 0: DefaultSegmentBytes
	Concurrency  int    // documents read at once; 0: 64
	Budget       int64  // bytes of documents that were read and not yet written; 0: 64 MB. One may be larger.
	TempDir      string // for a segment before it is put; empty: the system's

	User   string    // this user alone; empty: all
	Month  time.Time // this month alone; zero: all
	DryRun bool      // nothing is written

	Now func() time.Time // nil: time.Now

	// Progress, where not nil, is called a few times a second, never
	// concurrently, with what was done so far.
	Progress func(Summary)

	// Planned, where not nil, is called for each partition that has something
	// loose, with what is to become of it and why, before that is done. Never
	// concurrently.
	Planned func(Partition)

	// Notice, where not nil, is called for each document or segment that was left
	// as it is although it was its turn. Never concurrently.
	Notice func(Notice)
}

// What a Config means that doesn't say, or what a program may take where nobody says.
const (
	DefaultAfter        = 30 * 24 * time.Hour
	DefaultGrace        = 24 * time.Hour
	DefaultSegmentBytes = 128_000_000

	defaultConcurrency = 64
	defaultBudget      = 64_000_000
)

// Action is what is to become of a partition.
type Action string

// The actions.
const (
	Pack  Action = "pack"  // documents become segments
	Merge Action = "merge" // segments become one
	Wait  Action = "wait"  // nothing now
)

// Partition is what is to become of one, and why. Its JSON form is what compact
// --dry-run --json prints; it only grows.
type Partition struct {
	User      string    `json:"user"`
	Month     time.Time `json:"month"` // its first instant
	Action    Action    `json:"action"`
	Reason    string    `json:"reason"`
	Documents int64     `json:"documents"` // that are to be packed; of a merge, that lie in the segments; else, that wait
	Bytes     int64     `json:"bytes"`     // of them
	Left      int64     `json:"left"`      // documents that stay under their own keys whatever becomes of these, as far as it was looked
	Segments  int       `json:"segments"`  // that the partition has; of a merge, that become one
}

// Notice tells what was left as it is, and why.
type Notice struct {
	Key    string `json:"key"` // of the document or the segment
	Reason string `json:"reason"`
}

// Summary is what a run did. Its JSON form is what compact --json prints; it only
// grows.
type Summary struct {
	Partitions      int64   `json:"partitions"` // that were looked at
	Packed          int64   `json:"packed"`     // documents that lie in a segment now
	PackedBytes     int64   `json:"packed_bytes"`
	Segments        int64   `json:"segments"` // that were written
	SegmentBytes    int64   `json:"segment_bytes"`
	Merged          int64   `json:"merged"`         // segments that were replaced by larger ones
	InputsRemoved   int64   `json:"inputs_removed"` // objects of documents that lie in segments, removed when their grace was over
	SegmentsRemoved int64   `json:"segments_removed"`
	Left            int64   `json:"left"`     // documents left as they are although it was their turn; each is a Notice
	Retained        int64   `json:"retained"` // objects that the store did not let go; each is a Notice
	Waiting         int64   `json:"waiting"`  // inputs and segments whose grace isn't over
	DurationSeconds float64 `json:"duration_seconds"`
}
