// Package archive moves records from a source into a store, each at most once.
//
// The order of its writes is the promise: what a record is made of goes into
// the store first, then the ledger's row and the source's cursor in one
// transaction. The process may die between any two steps; a second run
// finishes what the first began.
package archive

import (
	"context"
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
	Ledger *ledger.Ledger
	Inputs []Input
	Budget *Budget // shared with the inputs' sources

	Concurrency int            // Puts in flight; 0: 32
	Detail      jobfile.Detail // "": jobfile.Full
	Overflow    Overflow       // "": Keep
	Kinds       []jobfile.Kind // archived; others are counted as skipped; nil: all
	MaxFileSize int64          // of a document, in bytes; 0: jobfile.MaxSize, which it can't exceed
	DryRun      bool           // nothing is written, to the store or the ledger

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
	Refused         int64   `json:"refused"`    // erased or expired before
	Unverified      int64   `json:"unverified"` // there already, but we may not read them
	Unreadable      int64   `json:"unreadable"` // files that could not be read to their end
	Skipped         int64   `json:"skipped"`    // of a kind that was not asked for
	Bytes           int64   `json:"bytes"`      // of documents and events written
	DurationSeconds float64 `json:"duration_seconds"`

	// ReadBytes is how many bytes of records were read, for progress.
	ReadBytes int64 `json:"-"`
}

// Partial tells whether something did not go as usual: exit status 3.
func (s Summary) Partial() bool {
	return s.Quarantined+s.Refused+s.Unverified+s.Unreadable > 0
}

// Run reads every input to its end and archives what it finds. It stops early,
// with the cursors where they were, when the store refuses for good
// (store.ErrRefused), stays unreachable (store.ErrUnavailable), or the ledger
// fails; and when ctx ends: then nothing more is begun, all that was confirmed
// is recorded, and the error is ctx's. The Summary is right in every case.
func Run(ctx context.Context, c Config) (Summary, error) {
	panic("TODO")
}

// AdoptConfig is what Adopt needs.
type AdoptConfig struct {
	Store       store.Store
	Ledger      *ledger.Ledger
	Reader      *jobfile.Reader
	Prefix      string // only keys that begin with it
	Concurrency int    // Gets in flight; 0: 32
	DryRun      bool
	Log         *slog.Logger
	Progress    func(AdoptSummary)
	Notice      func(Notice) // What is "unknown" or "damaged"
}

// AdoptSummary is what Adopt found. Its JSON form is what adopt --json prints.
type AdoptSummary struct {
	Listed          int64   `json:"listed"`  // objects
	Adopted         int64   `json:"adopted"` // recorded now
	AlreadyRecorded int64   `json:"already_recorded"`
	Quarantined     int64   `json:"quarantined"` // quarantined records recorded now
	Unknown         int64   `json:"unknown"`     // keys that are not logstow's or a platform's; left alone
	Damaged         int64   `json:"damaged"`     // documents that don't read as what their key says; left alone
	Bytes           int64   `json:"bytes"`
	DurationSeconds float64 `json:"duration_seconds"`
}

// Adopt walks a store that something else filled, or whose ledger was lost,
// and records in the ledger what it finds. It writes nothing to the store, and
// may be repeated and interrupted.
func Adopt(ctx context.Context, c AdoptConfig) (AdoptSummary, error) {
	panic("TODO")
}

// Retry takes quarantined records in again, those with the given ids or, with
// none, all that are open. Config's Inputs are not used but the first one's
// Reader. A record that is archived (or turns out to be so already) leaves the
// quarantine: its row says so and its raw bytes are removed.
func Retry(ctx context.Context, c Config, ids ...int64) (Summary, error) {
	panic("TODO")
}

// DropQuarantined removes quarantined records for good: raw bytes and all. The
// rows stay and say that they were dropped.
func DropQuarantined(ctx context.Context, s store.Store, l *ledger.Ledger, ids ...int64) error {
	panic("TODO")
}
