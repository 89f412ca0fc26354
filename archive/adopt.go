package archive

import (
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"logstow/archive/holds"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
	"logstow/layout/jobfile"
)

// adoptReads is how many Gets of Adopt are in flight where nothing else is said.
const adoptReads = 32

// AdoptConfig is what Adopt needs.
type AdoptConfig struct {
	Store       store.Store
	Ledger      *ledger.Ledger
	Reader      *jobfile.Reader
	Prefix      string // only keys of documents and events that begin with it; a segment that has one is taken whole
	Concurrency int    // Gets in flight; 0: 32
	DryRun      bool   // the ledger stays as it is; it may then be nil

	// Only, where not nil, tells of which objects alone is read what is not known
	// yet: by the keys of documents, events, revisions, quarantined records and
	// segments. What erasures name is looked at all the same.
	Only func(key string) bool

	Log *slog.Logger // nil: slog.DiscardHandler

	// Adopted, where not nil, is called for each document and each segment that is
	// recorded now, or would be; never concurrently.
	Adopted func(key string)

	// Progress, where not nil, is called after each group of objects, never
	// concurrently.
	Progress func(AdoptSummary)

	// Notice, where not nil, is called for each object that is "unknown" or
	// "damaged"; never concurrently.
	Notice func(Notice)
}

// AdoptSummary is what Adopt found. Its JSON form is what adopt --json prints;
// it only grows.
type AdoptSummary struct {
	Listed          int64   `json:"listed"`  // objects
	Adopted         int64   `json:"adopted"` // documents, events and revisions recorded now
	AlreadyRecorded int64   `json:"already_recorded"`
	Segments        int64   `json:"segments"`    // recorded now; Adopted has what lies in them
	Quarantined     int64   `json:"quarantined"` // quarantined records found
	Erased          int64   `json:"erased"`      // versions that an erasure's record names, recorded now
	Unknown         int64   `json:"unknown"`     // keys that are neither logstow's nor a platform's
	Damaged         int64   `json:"damaged"`     // objects that don't read as what their key says
	Bytes           int64   `json:"bytes"`       // of what was recorded now
	DurationSeconds float64 `json:"duration_seconds"`
}

// Adopt walks a store that something else filled, or whose ledger was lost,
// reads what it finds and records it in the ledger. It writes nothing to the
// store, leaves what it does not know alone, and may be repeated: what the
// ledger has already stays as it is. A version that lies in several places lies
// under its own key then, or in one of the segments, and the others have copies.
//
// What an erasure's record names is recorded as Erased, and as Deleting where its
// document is still there; also where the ledger says otherwise, as one does that
// is older than the erasure, or of a store that was restored from a backup. Where a
// hold of the store matches it, it is Stored, and Owed.
func Adopt(ctx context.Context, c AdoptConfig) (AdoptSummary, error) {
	if c.Concurrency == 0 {
		c.Concurrency = adoptReads
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	a := &adoption{AdoptConfig: c, began: time.Now(), seed: maphash.MakeSeed(), seen: map[uint64]bool{}}
	err := a.walk(ctx)
	a.s.DurationSeconds = time.Since(a.began).Seconds()
	return a.s, err
}

// adoption is one Adopt under way.
type adoption struct {
	AdoptConfig
	began time.Time
	s     AdoptSummary

	metas, overflows beside

	standing holds.Standing
	erased   map[version]*erasure // what erasures name
	erasedAt map[string]bool      // their keys

	seed maphash.Seed
	seen map[uint64]bool // by their fingerprints, the versions that a dry run would have recorded
}

// found is an object that is to be adopted, and what became of it.
type found struct {
	info     store.Info
	name     layout.Name
	meta     bool // something says what was done to it
	overflow bool

	row    *ledger.Document
	raw    *ledger.Quarantined
	damage string
}

// walk goes over the whole listing. The lists of what lies beside documents
// have the same order, so they are walked along with it.
func (a *adoption) walk(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var stops [2]func()
	a.metas, stops[0] = a.besides(ctx, layout.MetaKey, layout.Meta(""), ".json")
	a.overflows, stops[1] = a.besides(ctx, layout.OverflowKey, layout.Overflow(""), ".zst")
	defer stops[0]()
	defer stops[1]()

	if err := a.loadHolds(ctx); err != nil {
		return err
	}
	if err := a.loadErasures(ctx); err != nil {
		return err
	}
	if err := a.walkDocuments(ctx); err != nil {
		return err
	}
	if err := a.segments(ctx); err != nil {
		return err
	}
	return a.settleErased(ctx)
}

// loadHolds reads the holds of the store, into the ledger too. One that can't be
// read ends it: what it keeps must not go.
func (a *adoption) loadHolds(ctx context.Context) error {
	if !a.DryRun {
		if err := holds.Load(ctx, a.Store, a.Ledger); err != nil {
			return err
		}
	}
	all, err := holds.All(ctx, a.Store, a.Ledger)
	a.standing = holds.NewStanding(all)
	return err
}

func (a *adoption) walkDocuments(ctx context.Context) error {
	var batch []*found
	for info, err := range a.Store.List(ctx, store.ListOptions{Prefix: a.Prefix}) {
		if err != nil {
			return fmt.Errorf("list the store: %w", err)
		}
		a.s.Listed++
		f, err := a.sort(info)
		if err != nil {
			return err
		}
		if f == nil {
			continue
		}
		if batch = append(batch, f); len(batch) == grouped {
			if err := a.adopt(ctx, batch); err != nil {
				return err
			}
			batch = nil
		}
	}
	return a.adopt(ctx, batch)
}

// wanted tells whether an object is to be read.
func (a *adoption) wanted(key string) bool {
	return a.Only == nil || a.Only(key) || a.erasedAt[key]
}

// sort says what a listed object is. It returns nil for one that says nothing
// by itself.
func (a *adoption) sort(info store.Info) (*found, error) {
	if !a.wanted(info.Key) {
		return nil, nil
	}
	name, err := layout.Parse(info.Key)
	if err != nil {
		a.s.Unknown++
		a.notice("unknown", info.Key, err.Error())
		return nil, nil
	}
	f := &found{info: info, name: name}
	switch name.Kind {
	case layout.DocumentKey, layout.EventKey, layout.RevisionKey:
		if f.meta, err = a.metas.has(info.Key); err != nil {
			return nil, err
		}
		f.overflow, err = a.overflows.has(info.Key)
		return f, err
	case layout.QuarantineKey:
		return f, nil
	}
	return nil, nil
}

func (a *adoption) notice(what, key, reason string) {
	if a.Notice != nil {
		a.Notice(Notice{What: what, Offset: -1, Key: key, Reason: reason})
	}
}

// adopt reads objects, some at a time, and records them.
func (a *adoption) adopt(ctx context.Context, batch []*found) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(a.Concurrency)
	for _, f := range batch {
		g.Go(func() error {
			if f.name.Kind == layout.QuarantineKey {
				return a.readQuarantined(gctx, f)
			}
			return a.readDocument(gctx, f)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := a.record(ctx, batch); err != nil {
		return err
	}
	a.progress()
	return nil
}

func (a *adoption) progress() {
	if a.Progress != nil {
		a.s.DurationSeconds = time.Since(a.began).Seconds()
		a.Progress(a.s)
	}
}
