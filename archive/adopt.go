package archive

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
	"logstow/layout/jobfile"
)

// AdoptConfig is what Adopt needs.
type AdoptConfig struct {
	Store       store.Store
	Ledger      *ledger.Ledger
	Reader      *jobfile.Reader
	Prefix      string // only keys of documents and events that begin with it
	Concurrency int    // Gets in flight; 0: 32
	DryRun      bool   // the ledger stays as it is; it may then be nil

	Log *slog.Logger // nil: slog.DiscardHandler

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
// ledger has already stays as it is. What an erasure's record names is recorded
// as Erased, and as Deleting where its document is still there.
func Adopt(ctx context.Context, c AdoptConfig) (AdoptSummary, error) {
	if c.Concurrency == 0 {
		c.Concurrency = defaultConcurrency
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	a := &adoption{AdoptConfig: c, began: time.Now()}
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

	erased map[version]erasure // what erasures name and was not read as it was
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

	if err := a.loadErasures(ctx); err != nil {
		return err
	}
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
	if err := a.adopt(ctx, batch); err != nil {
		return err
	}
	return a.recordErased(ctx)
}

// sort says what a listed object is. It returns nil for one that says nothing
// by itself.
func (a *adoption) sort(info store.Info) (*found, error) {
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
	if a.Progress != nil {
		a.s.DurationSeconds = time.Since(a.began).Seconds()
		a.Progress(a.s)
	}
	return nil
}

// record puts what was read into the ledger, and counts it.
func (a *adoption) record(ctx context.Context, batch []*found) error {
	var b ledger.Batch
	var refs []ledger.Ref
	for _, f := range batch {
		switch {
		case f.damage != "":
			a.s.Damaged++
			a.stillThere(f.info.Key)
			a.notice("damaged", f.info.Key, f.damage)
		case f.raw != nil:
			a.s.Quarantined++
			b.Quarantined = append(b.Quarantined, *f.raw)
		default:
			a.honour(f.row)
			b.Documents = append(b.Documents, *f.row)
			refs = append(refs, ledger.Ref{User: f.row.User, Job: f.row.Job})
		}
	}
	if err := a.count(ctx, b.Documents, refs); err != nil {
		return err
	}
	if a.DryRun || len(b.Documents)+len(b.Quarantined) == 0 {
		return nil
	}
	return a.Ledger.Commit(ctx, b)
}

// count counts documents, of the jobs refs, by what the ledger knows of them.
func (a *adoption) count(ctx context.Context, docs []ledger.Document, refs []ledger.Ref) error {
	known := make([][]ledger.Version, len(refs))
	if a.Ledger != nil && len(refs) > 0 {
		var err error
		if known, err = a.Ledger.Find(ctx, refs); err != nil {
			return err
		}
	}
	for i, d := range docs {
		switch {
		case isKnown(known[i], d.InputHash):
			a.s.AlreadyRecorded++
		case d.State != ledger.Stored:
			a.s.Erased++
		default:
			a.s.Adopted++
			a.s.Bytes += d.Size
		}
	}
	return nil
}

func isKnown(versions []ledger.Version, hash ledger.Hash) bool {
	for _, v := range versions {
		if v.InputHash == hash {
			return true
		}
	}
	return false
}

// readDocument reads a document, an event or a revision and makes its row.
func (a *adoption) readDocument(ctx context.Context, f *found) error {
	sp, err := fetch(ctx, a.Store, f.info.Key)
	if errors.Is(err, fs.ErrNotExist) {
		f.damage = "it was listed, and is not there"
		return nil
	}
	if err != nil {
		return err
	}
	defer sp.close()
	body := sp.body()
	info, err := a.Reader.Read(sp.data(), sp.size)
	var bad *jobfile.Error
	switch {
	case errors.As(err, &bad) && !jobfile.IsJSON(sp.data(), sp.size):
		f.damage = bad.Error()
		return nil
	case errors.As(err, &bad):
		// JSON of a system whose field map we were not given: the key says
		// whose it is, and all of it is the record.
		info = jobfile.Info{LineCount: -1, InputHash: body.SHA256, Kind: jobfile.Job}
	case err != nil:
		return err
	case info.Job != f.name.ID && !f.meta && info.Kind == jobfile.Job:
		f.damage = fmt.Sprintf("it is of job %q, and its key of %q", info.Job, f.name.ID)
		return nil
	}
	row := document(info)
	named(&row, f.name)
	row.Key, row.Revision = f.info.Key, f.name.Kind == layout.RevisionKey
	row.SHA256, row.Size, row.InputSize = body.SHA256, body.Size, body.Size
	row.Verified, row.ArchivedAt, row.Source = true, time.Now().UTC(), "adopted"
	if f.meta {
		err := a.applyChange(ctx, f, &row)
		if errors.Is(err, errDamaged) {
			f.damage = err.Error()
			return nil
		}
		if err != nil {
			return err
		}
	}
	f.row = &row
	return nil
}

// named makes the row say what the key says.
func named(row *ledger.Document, n layout.Name) {
	row.User, row.Recipe, row.Job, row.Status = n.User, n.Group, n.ID, n.Status
	if row.Time.IsZero() || !n.Literal && !row.Time.Truncate(time.Second).Equal(n.Time) {
		row.Time = n.Time
	}
	if n.Status == "" && row.Kind == string(jobfile.Job) {
		row.Kind = string(jobfile.Log) // an event of a system we can't read
	}
}

// applyChange makes the row say what was done to a changed document. A meta
// object that is of other content was left by a write that lost.
func (a *adoption) applyChange(ctx context.Context, f *found, row *ledger.Document) error {
	c, err := readChange(ctx, a.Store, f.info.Key)
	if err != nil {
		return err
	}
	hash, err := hex.DecodeString(c.InputSHA256)
	if err != nil || len(hash) != len(row.InputHash) || c.StoredSHA256 != row.InputHash.String() {
		return nil
	}
	row.InputHash = ledger.Hash(hash)
	row.InputSize, row.Lines, row.Changed = c.InputSize, c.Lines, strings.Join(c.Changed, ",")
	row.Overflow = c.OverflowSHA256 != "" && f.overflow
	return nil
}

// readQuarantined makes the row of a quarantined record from the note beside
// it, or from the raw bytes alone.
func (a *adoption) readQuarantined(ctx context.Context, f *found) error {
	b, err := readSmall(ctx, a.Store, layout.QuarantineReason(f.name.Hash))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	q := ledger.Quarantined{Key: f.info.Key, State: ledger.StillOpen, At: f.info.ModTime.UTC(), Reason: "unknown: nothing says why"}
	if n, err := layout.Decode[layout.QuarantineNote](b); err == nil {
		if sum, err := hex.DecodeString(n.SHA256); err == nil && len(sum) == len(q.SHA256) {
			q.Source, q.Part, q.Offset, q.Size = n.Source, n.Part, n.Offset, n.Size
			q.SHA256, q.Reason, q.At = ledger.Hash(sum), n.Reason, n.At
			f.raw = &q
			return nil
		}
	}
	return a.readRaw(ctx, f, q)
}

// readRaw completes the row of a quarantined record that nothing is written
// about.
func (a *adoption) readRaw(ctx context.Context, f *found, q ledger.Quarantined) error {
	r, _, err := a.Store.Get(ctx, f.info.Key, store.Range{})
	if err != nil {
		return err
	}
	defer r.Close()
	raw, err := decompress(r, 0)
	if err != nil {
		f.damage = err.Error()
		return nil
	}
	defer raw.close()
	q.Source, q.Part, q.Size, q.SHA256 = "adopted", f.info.Key, raw.size, raw.body().SHA256
	f.raw = &q
	return nil
}

// beside is the list of objects that lie beside documents, walked in order.
type beside struct {
	next func() (string, error, bool)
	at   string // the document that the last one read belongs to
	done bool
}

// besides begins the walk over the objects of one kind.
func (a *adoption) besides(ctx context.Context, kind layout.Kind, folder, suffix string) (beside, func()) {
	folder = strings.TrimSuffix(folder, suffix)
	next, stop := iter.Pull2(func(yield func(string, error) bool) {
		for info, err := range a.Store.List(ctx, store.ListOptions{Prefix: folder + a.Prefix}) {
			if err != nil {
				yield("", fmt.Errorf("list %s: %w", folder, err))
				return
			}
			if n, err := layout.Parse(info.Key); err == nil && n.Kind == kind && !yield(n.Of, nil) {
				return
			}
		}
	})
	return beside{next: next}, stop
}

// has tells whether there is one for key. Keys must be asked for in order.
func (b *beside) has(key string) (bool, error) {
	for !b.done && b.at < key {
		of, err, ok := b.next()
		if err != nil {
			return false, err
		}
		b.at, b.done = of, !ok
	}
	return !b.done && b.at == key, nil
}
