package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"slices"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
	"logstow/layout/segment"
)

// places is the part of the ledger that tells where documents lie.
type places interface {
	index
	Segment(ctx context.Context, id int64) (ledger.Segment, error)
}

// Reader reads documents from wherever they lie: an object of their own, or a row
// of a segment. What is moved or rewritten meanwhile is read from where it lies
// then. It keeps a few open segments, and the pages of them that were read last,
// in about 100 MB at most. It is safe for concurrent use.
type Reader struct {
	store    objects
	places   places
	segments *openSegments
	pages    *segment.Pages
}

// NewReader returns a Reader of what l knows of s.
func NewReader(s objects, l places) (*Reader, error) {
	pages, err := segment.NewPages()
	if err != nil {
		return nil, err
	}
	return &Reader{store: s, places: l, segments: newOpenSegments(), pages: pages}, nil
}

// Write writes a version's document to w, byte for byte as it was archived. Bytes
// reach w before they can be compared with the recorded hash: after ErrDamaged,
// what w got is not to be trusted. A version that the ledger calls unverified is
// not compared. It is ErrNotFound where the version was deleted since it was
// looked up.
func (r *Reader) Write(ctx context.Context, w io.Writer, v ledger.Document) error {
	out := newResumed(w)
	err := r.located(ctx, v, func(v ledger.Document) error { return r.document(ctx, out.again(), v) })
	if err != nil {
		return err
	}
	if got := ledger.Hash(out.hash.Sum(nil)); v.Verified && got != v.SHA256 {
		return fmt.Errorf("%s: %w: %d bytes with SHA-256 %s, the ledger has %d bytes with %s",
			v.Key, ErrDamaged, out.passed, got, v.Size, v.SHA256)
	}
	return nil
}

// WriteFull writes the record as it came in: of a version that was capped, the
// overflowed record with its lines, and of any other the document itself. It
// is ErrNoFull where the lines of a capped version were dropped. As with
// Write, ErrDamaged may come after the bytes.
func (r *Reader) WriteFull(ctx context.Context, w io.Writer, v ledger.Document) error {
	if !v.Overflow {
		if capped(v) {
			return fmt.Errorf("%s: %w", v.Key, ErrNoFull)
		}
		return r.Write(ctx, w, v)
	}
	var change layout.Change
	out := newResumed(w)
	err := r.located(ctx, v, func(v ledger.Document) (err error) {
		if change, err = r.change(ctx, v); err != nil {
			return err
		}
		object, err := get(ctx, r.store, layout.Overflow(v.Key))
		if err != nil {
			return err
		}
		defer object.Close()
		return decompress(out.again(), object, change.InputSize)
	})
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(out.hash.Sum(nil)); got != change.OverflowSHA256 {
		return fmt.Errorf("%s: %w: it holds bytes with SHA-256 %s, %s says %s",
			layout.Overflow(v.Key), ErrDamaged, got, layout.Meta(v.Key), change.OverflowSHA256)
	}
	return nil
}

// tries is how often a document is looked for. Between two looks it can only be
// missed if it was moved meanwhile.
const tries = 3

// located has read read v, and again from where the ledger says it lies then as
// long as nothing is, or nothing right, where it is said to lie.
func (r *Reader) located(ctx context.Context, v ledger.Document, read func(ledger.Document) error) error {
	for try := 1; ; try++ {
		err := read(v)
		if !errors.Is(err, errElsewhere) || try == tries {
			return err
		}
		var lookup error
		if v, lookup = r.lookUp(ctx, v); lookup != nil {
			return lookup
		}
	}
}

// errElsewhere is ErrDamaged of what may lie elsewhere by now.
var errElsewhere = fmt.Errorf("%w", ErrDamaged)

// lookUp returns v as the ledger has it now.
func (r *Reader) lookUp(ctx context.Context, v ledger.Document) (ledger.Document, error) {
	all, err := r.places.ByJob(ctx, v.User, v.Job)
	if err != nil {
		return v, fmt.Errorf("look up %s: %w", v.Job, err)
	}
	i := slices.IndexFunc(all, func(d ledger.Document) bool {
		return d.ID == v.ID && (d.State == ledger.Stored || d.State == "")
	})
	if i < 0 {
		return v, fmt.Errorf("%s: %w: it was deleted meanwhile", v.Key, ErrNotFound)
	}
	return all[i], nil
}

// document writes v's document from where v says that it lies.
func (r *Reader) document(ctx context.Context, w io.Writer, v ledger.Document) error {
	if v.Segment != 0 {
		return r.inSegment(ctx, v, func(s *segment.Reader) error { return r.row(ctx, w, s, v) })
	}
	object, err := get(ctx, r.store, v.Key)
	if err != nil {
		return err
	}
	defer object.Close()
	return copyTo(w, object)
}

// largeDocument is from where on a document isn't held in memory.
const largeDocument = 2 << 20

func (r *Reader) row(ctx context.Context, w io.Writer, s *segment.Reader, v ledger.Document) error {
	out := &writing{w: w}
	if v.Size > largeDocument {
		return out.explain(s.Copy(out, v.SegmentRow, v.SHA256))
	}
	doc, err := r.pages.At(ctx, s, v.SegmentRow, v.SHA256)
	if err == nil {
		_, err = out.Write(doc)
	}
	return out.explain(err)
}

// change reads what was done to v's document.
func (r *Reader) change(ctx context.Context, v ledger.Document) (change layout.Change, err error) {
	if v.Segment == 0 {
		return readChange(ctx, r.store, v.Key)
	}
	err = r.inSegment(ctx, v, func(s *segment.Reader) error {
		b, err := s.Change(v.SegmentRow)
		if err != nil {
			return err
		}
		change, err = layout.Decode[layout.Change](b)
		switch {
		case err != nil:
			return fmt.Errorf("change of row %d: %w: %w", v.SegmentRow, segment.ErrDamaged, err)
		case change.InputSHA256 != v.InputHash.String():
			return fmt.Errorf("change of row %d: %w: it is of the record %s", v.SegmentRow, segment.ErrDamaged, change.InputSHA256)
		}
		return nil
	})
	return change, err
}

// inSegment has read read the segment that v lies in. What isn't there, or isn't
// what it should be, is errElsewhere.
func (r *Reader) inSegment(ctx context.Context, v ledger.Document, read func(*segment.Reader) error) error {
	o, err := r.segments.open(ctx, r, v.Segment)
	if err == nil {
		err = read(o.reader.From(store.ReaderAt(ctx, r.store, o.key)))
	}
	switch {
	case err == nil || isWriting(err):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w: the segment that it lies in is missing in the store", v.Key, errElsewhere)
	case errors.Is(err, segment.ErrDamaged) || errors.Is(err, segment.ErrVersion) || errors.Is(err, store.ErrChanged):
		return fmt.Errorf("%s: %w: in its segment: %w", v.Key, errElsewhere, err)
	default:
		return fmt.Errorf("read %s in its segment: %w", v.Key, err)
	}
}

// writing tells the errors of what is written to from others.
type writing struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (o *writing) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.err = err
	return n, err
}

func (o *writing) explain(err error) error {
	if o.err != nil {
		return &writeError{o.err}
	}
	return err
}

// writeError is of the place that is written to.
type writeError struct{ err error }

func (e *writeError) Error() string { return "write out: " + e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

func isWriting(err error) bool {
	var w *writeError
	return errors.As(err, &w)
}

// resumed passes each byte on once, however often what it is written is begun
// anew.
type resumed struct {
	w      io.Writer
	hash   hash.Hash // of what was passed on
	passed int64
	skip   int64 // of what comes
}

func newResumed(w io.Writer) *resumed { return &resumed{w: w, hash: sha256.New()} }

// again says that what comes is written from its beginning.
func (r *resumed) again() *resumed {
	r.skip = r.passed
	return r
}

// Write implements io.Writer.
func (r *resumed) Write(p []byte) (int, error) {
	skip := int(min(r.skip, int64(len(p))))
	r.skip -= int64(skip)
	n, err := r.w.Write(p[skip:])
	r.hash.Write(p[skip : skip+n])
	r.passed += int64(n)
	return skip + n, err
}
