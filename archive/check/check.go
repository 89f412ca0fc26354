// Package check finds what is missing, damaged or unaccounted for, without
// writing.
package check

import (
	"context"
	"fmt"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
)

// Config says what to check. Store and Ledger are required.
type Config struct {
	Store  store.Store
	Ledger *ledger.Ledger // may be open for reading only

	Deep   bool    // read every object and hash it again
	Sample float64 // where not Deep: the part of objects, from 0 to 1, that is read and hashed again

	// Settle is how old something must be before nobody can be at work on it
	// any more: what younger runs have put and not yet recorded, or begun to
	// erase, is no finding. 0: 15 minutes; less: nobody is at work.
	Settle time.Duration

	Concurrency int // requests to the store at once; 0: 16

	// Progress, where not nil, is called a few times a second, never
	// concurrently, with what was checked so far.
	Progress func(Summary)

	// Finding, where not nil, is called for each thing that is not as it should
	// be; never concurrently, nor beside Progress.
	Finding func(Finding)

	// Lost, where not nil, is called for each Stored document that is missing or
	// damaged where the ledger says it lies, as are all of a segment that is; never
	// concurrently, nor beside the others. See Relocate.
	Lost func(ledger.Document)
}

const (
	defaultConcurrency = 16
	defaultSettle      = 15 * time.Minute
)

// Kind says what is wrong.
type Kind string

// The kinds of findings. Those that are damage mean that something which was
// promised to be kept is not as it was; the others cost nothing but room, or
// are mended by a later run.
const (
	Missing  Kind = "missing"  // damage: the ledger has it, the store doesn't
	Damaged  Kind = "damaged"  // damage: size or hash is not what was recorded
	Orphaned Kind = "orphaned" // the store has a document that the ledger doesn't know
	Doubled  Kind = "doubled"  // one version lies under two keys, or is recorded twice
	Foreign  Kind = "foreign"  // a key that logstow doesn't write
	Leftover Kind = "leftover" // what an interrupted run or deletion left behind
	Drift    Kind = "drift"    // the ledger's counts, or its index of jobs, are not those of its rows
)

// Kinds lists all kinds, the worst first.
func Kinds() []Kind {
	return []Kind{Missing, Damaged, Orphaned, Doubled, Foreign, Leftover, Drift}
}

// Finding is one thing that is not as it should be. What is only a copy, such
// as the file of an export, and what could never be compared, is no Damage
// even where it is Missing or Damaged.
type Finding struct {
	Kind   Kind   `json:"kind"`
	Damage bool   `json:"damage"`
	Key    string `json:"key"` // in the store; LedgerKey where it is about the ledger itself
	Reason string `json:"reason"`
}

// LedgerKey stands for a key in findings about the ledger itself.
const LedgerKey = "ledger"

// Summary is what was checked and found. Its JSON form is what check --json
// prints; it only grows.
type Summary struct {
	Documents       int64          `json:"documents"` // rows of the ledger that were looked for in the store
	Objects         int64          `json:"objects"`   // objects of the store that were looked for in the ledger
	Read            int64          `json:"read"`      // objects that were read and hashed again
	ReadBytes       int64          `json:"read_bytes"`
	Damage          int64          `json:"damage"` // findings that are damage
	Findings        map[Kind]int64 `json:"findings"`
	DurationSeconds float64        `json:"duration_seconds"`
}

// Run checks the store against the ledger and the ledger against the store, and
// returns what it found. It writes nothing. Its error says why it could not go
// on; damage is no error but Summary.Damage. It may run beside everything else:
// what is written or deleted meanwhile is not reported.
//
// The store's listing comes first. Each object is looked up in the ledger by
// the job that its key names: this finds what the ledger doesn't know, what
// should be gone, and wrong sizes. A bit for each row remembers what was seen,
// so that memory is a few bits a row. Then the ledger is read in the order of
// recording, and what was not seen is asked for by its key: this finds what is
// missing.
//
// What lies in a segment is there where the segment is. Its file is to have the
// size that the ledger has, and its manifest is to tell of the same file. Deep, or
// for a part of the segments Sample, reads it: the file is to have its SHA-256,
// each document that of its row, and each row is to be the document that the
// ledger says. An object that is still under the own key of such a document, until
// the grace of compact is over, is not compared.
//
// Without Deep or Sample nothing else is requested of the store, but for holds,
// the records of erasures and manifests, which are read each time, and a list of
// the uploads that were begun and not finished. Versions that a bucket keeps behind
// deletion or replacement are not looked at.
func Run(ctx context.Context, c Config) (Summary, error) {
	if !(c.Sample >= 0 && c.Sample <= 1) {
		return Summary{}, fmt.Errorf("check: a sample of %v is not from 0 to 1", c.Sample)
	}
	if c.Concurrency <= 0 {
		c.Concurrency = defaultConcurrency
	}
	if c.Settle == 0 {
		c.Settle = defaultSettle
	}
	k := &checker{Config: c}
	k.began, k.s.Findings = time.Now(), map[Kind]int64{}
	stop := k.report()
	err := k.run(ctx)
	stop()
	return k.summary(), err
}
