// Package archive moves records from a source into a store, each at most once.
//
// The order of its writes is the promise: what a record is made of goes into
// the store first, then the ledger's row and the source's cursor in one
// transaction. The process may die between any two steps; a second run
// finishes what the first began.
package archive

import (
	"log/slog"

	"logstow/archive/ledger"
	"logstow/archive/source"
	"logstow/archive/store"
	"logstow/layout/jobfile"
)

// Overflow says what becomes of the full record behind a capped document.
type Overflow string

// The choices for overflow.
const (
	Keep Overflow = "keep" // zstd-compressed beside it, in the store
	Drop Overflow = "drop" // gone, as with the platform itself
)

// Config is what a run needs. Zero fields mean what their comments say.
type Config struct {
	Store  store.Store
	Ledger *ledger.Ledger // may be nil for a dry run: then nothing is known
	Inputs []Input

	Concurrency    int            // Puts in flight; 0: as many as the store does most with
	ConcurrencyMax int            // how many those may be; 0: MostConcurrency
	Detail         jobfile.Detail // "": jobfile.Full
	Overflow       Overflow       // "": Keep
	Kinds          []jobfile.Kind // archived; others are counted as skipped; nil: all
	MaxFileSize    int64          // of a document, in bytes; 0: jobfile.MaxSize, which it can't exceed
	DryRun         bool           // nothing is written, to the store or the ledger

	Log *slog.Logger // nil: slog.DiscardHandler

	// Progress, where not nil, is called a few times a second, never
	// concurrently, with what has been done so far.
	Progress func(Summary)

	// Notice, where not nil, is called for each record that was quarantined,
	// refused or left unverified, and for each part that can't be read; never
	// concurrently.
	Notice func(Notice)
}

// Input is a source and how its records are to be read.
type Input struct {
	Source source.Source
	Reader *jobfile.Reader
}

// Notice names something that did not go as usual.
type Notice struct {
	What   string // "quarantined", "refused", "unverified", "unreadable"
	Part   string // the file
	Offset int64  // of the record in it, -1 where that says nothing
	Key    string // in the store, where there is one
	Reason string
}

// Summary is what a run did. Its JSON form is what archive --json prints; it
// only grows.
type Summary struct {
	Read            int64   `json:"read"`             // records, broken ones included
	Archived        int64   `json:"archived"`         // job documents written
	Events          int64   `json:"events"`           // events written
	AlreadyArchived int64   `json:"already_archived"` // jobs and events that were there, with the same content
	Revisions       int64   `json:"revisions"`        // of them archived: other content for a key that was taken
	Capped          int64   `json:"capped"`           // written without their lines, for size
	Quarantined     int64   `json:"quarantined"`
	Refused         int64   `json:"refused"`    // erased, expired or dropped from quarantine before
	Unverified      int64   `json:"unverified"` // there already, but we may not read them
	Unreadable      int64   `json:"unreadable"` // files that could not be read to their end
	Skipped         int64   `json:"skipped"`    // of a kind that was not asked for
	Bytes           int64   `json:"bytes"`      // of documents and events written
	DurationSeconds float64 `json:"duration_seconds"`
	Concurrency     int     `json:"concurrency"` // the most Puts that were in flight at once

	// ReadBytes is how many bytes of records were read, for progress.
	ReadBytes int64 `json:"-"`
}

// Partial tells whether something did not go as usual: exit status 3.
func (s Summary) Partial() bool {
	return s.Quarantined+s.Refused+s.Unverified+s.Unreadable > 0
}
