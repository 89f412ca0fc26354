package export

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"logstow/archive/ledger"
	"logstow/layout/jobfile"
)

// Config says what an Exporter reads from. Store and Ledger are required.
type Config struct {
	Store  objects
	Ledger documents

	// Fields are the field maps under which records may have been archived,
	// tried after the built-in platforms.
	Fields []jobfile.Fields

	// TempDir is where records that are too large for memory are put while
	// they are read, and files while they are made; empty: the system's.
	TempDir string
}

// ErrUnreadable says that a record is none that the built-in platforms or the
// configured field maps describe, or another one than the ledger says. Test
// with errors.Is.
var ErrUnreadable = errors.New("unreadable")

// documents is the part of the ledger that exporting needs: all that index
// has, where documents lie, listings that are newest first and hold nothing between their pages,
// the versions of many jobs in one look, and the last ID that was given.
type documents interface {
	places
	Documents(ctx context.Context, q ledger.Query) iter.Seq2[ledger.Document, error]
	Find(ctx context.Context, refs []ledger.Ref) ([][]ledger.Version, error)
	Last(ctx context.Context) (int64, error)
}

// Exporter reads jobs and writes their logs out. It is safe for concurrent
// use.
type Exporter struct {
	store   objects
	ledger  documents
	reader  *Reader
	tempDir string

	// readers read records of the built-in platforms, then those of each field
	// map, whoever their user is.
	readers []*jobfile.Reader
}

// New returns an Exporter. It writes nothing.
func New(c Config) (*Exporter, error) {
	if c.Store == nil || c.Ledger == nil {
		return nil, errors.New("an exporter needs a store and a ledger")
	}
	reader, err := NewReader(c.Store, c.Ledger)
	if err != nil {
		return nil, err
	}
	e := &Exporter{store: c.Store, ledger: c.Ledger, reader: reader, tempDir: c.TempDir}
	// What fetch returns needs no second hash.
	e.readers, err = newReaders(c.Fields, jobfile.Config{NoHash: true})
	return e, err
}

// newReaders returns readers of the built-in platforms, and of each field map. The
// user may not be the one in the record but one that was named when it was
// archived: whoever reads knows from elsewhere.
func newReaders(fields []jobfile.Fields, c jobfile.Config) ([]*jobfile.Reader, error) {
	c.User = anyUser
	shapes := []*jobfile.Fields{nil}
	for i := range fields {
		shapes = append(shapes, &fields[i])
	}
	var all []*jobfile.Reader
	for _, c.Fields = range shapes {
		r, err := jobfile.NewReader(c)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// anyUser is what readers take every record's user for.
const anyUser = "any"

// Reader is what the Exporter reads documents with.
func (e *Exporter) Reader() *Reader { return e.reader }

// Find is Find in the Exporter's ledger.
func (e *Exporter) Find(ctx context.Context, want Wanted) (Job, error) {
	return Find(ctx, e.ledger, want)
}

// Record is one version's full record, overflowed lines put back, opened so
// that its lines can be read any number of times.
type Record struct {
	Document ledger.Document
	Info     jobfile.Info

	reader *jobfile.Reader
	data   *spool
}

// Open fetches a version's record, compares it with its hash and reads it.
// Records up to 1 MB are held in memory, larger ones in a temporary file. A
// capped version whose lines were not kept opens without lines. ErrDamaged
// where the store doesn't hold what was recorded; ErrNotFound where the version was
// deleted since it was looked up; ErrUnreadable where no reader finds the version's
// job in it. The caller closes it.
func (e *Exporter) Open(ctx context.Context, v ledger.Document) (*Record, error) {
	data, err := e.fetch(ctx, v)
	if err != nil {
		return nil, err
	}
	r, err := e.record(data, v)
	if err != nil {
		return nil, errors.Join(err, data.Close())
	}
	return r, nil
}

// record reads what was fetched of v.
func (e *Exporter) record(data *spool, v ledger.Document) (*Record, error) {
	reader, info, err := e.read(data, v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.Key, err)
	}
	return &Record{Document: v, Info: info, reader: reader, data: data}, nil
}

// fetch returns the bytes of a version's full record, or of its document where
// there is no more. They are those that were recorded.
func (e *Exporter) fetch(ctx context.Context, v ledger.Document) (*spool, error) {
	data := newSpool(e.tempDir)
	err := e.reader.WriteFull(ctx, data, v)
	if errors.Is(err, ErrNoFull) {
		err = e.reader.Write(ctx, data, v)
	}
	if err != nil {
		return nil, errors.Join(err, data.Close())
	}
	return data, nil
}

// read finds the reader for which data is what the ledger says of v.
func (e *Exporter) read(data *spool, v ledger.Document) (*jobfile.Reader, jobfile.Info, error) {
	var first error
	for _, r := range e.readers {
		info, err := r.Read(data.bytes(), data.size)
		var unreadable *jobfile.Error
		switch {
		case err == nil && info.Kind == jobfile.Kind(v.Kind) && info.Recipe == v.Recipe && info.Job == v.Job:
			info.User = v.User
			return r, info, nil
		case err == nil:
			err = fmt.Errorf("it reads as %s %s of recipe %s", info.Kind, info.Job, info.Recipe)
		case !errors.As(err, &unreadable):
			return nil, info, err
		}
		if first == nil {
			first = err
		}
	}
	return nil, jobfile.Info{}, fmt.Errorf("%w: no reader finds %s %s of recipe %s in it: %w", ErrUnreadable, v.Kind, v.Job, v.Recipe, first)
}

// Lines yields the record's lines in its own order.
func (r *Record) Lines() iter.Seq2[jobfile.Line, error] {
	return r.reader.Lines(r.data.bytes(), r.data.size, r.Info, entryMembers(r.Info.Platform)...)
}

// TimedLines yields the record's lines in its own order, each with a time: one
// that has none has that of the line before it, and the first that of the
// job's start.
func (r *Record) TimedLines() iter.Seq2[jobfile.Line, error] {
	return func(yield func(jobfile.Line, error) bool) {
		last := r.began()
		for l, err := range r.Lines() {
			if err != nil {
				yield(l, fmt.Errorf("%s: line %d: %w", r.Document.Key, l.Index, err))
				return
			}
			if l.Time.IsZero() {
				l.Time = last
			}
			last = l.Time
			if !yield(l, nil) {
				return
			}
		}
	}
}

// began is when the job started, or else the time that names its day.
func (r *Record) began() time.Time {
	if !r.Info.StartedAt.IsZero() {
		return r.Info.StartedAt
	}
	return r.Info.Time
}

// Close removes what was held.
func (r *Record) Close() error { return r.data.Close() }
