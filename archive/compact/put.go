package compact

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
	"logstow/layout/segment"
)

// put puts a segment where it belongs, reads it back, and puts its manifest.
func (c *Config) put(ctx context.Context, t target, w *written) (ledger.Packed, error) {
	key, err := w.summary.Segment.Key()
	if err != nil {
		return ledger.Packed{}, fmt.Errorf("name a segment: %w", err)
	}
	s, err := c.begin(ctx, t, ledger.Segment{
		Key: key, User: t.user, Month: t.month,
		Rows: w.summary.Rows, Size: w.body.Size, SHA256: w.body.SHA256, Created: c.now(),
	})
	if err != nil {
		return ledger.Packed{}, &segmentError{key, fmt.Errorf("begin segment: %w", err)}
	}
	err = c.Store.Put(ctx, key, w.body, store.PutOptions{IfAbsent: true, ContentType: "application/vnd.apache.parquet"})
	there := errors.Is(err, fs.ErrExist)
	if err != nil && !there {
		return ledger.Packed{}, err
	}
	if s.State == ledger.SegmentWriting {
		s.Rows, s.Size, s.SHA256 = w.summary.Rows, w.body.Size, w.body.SHA256
		if there {
			if s.Size, s.SHA256, err = sizeAndHash(ctx, c.Store, key); err != nil {
				return ledger.Packed{}, c.vanished(ctx, s, err)
			}
		}
	}
	if err := c.readBack(ctx, s, w, there); err != nil {
		return ledger.Packed{}, c.vanished(ctx, s, fmt.Errorf("read %s back: %w", key, err))
	}
	m := layout.ManifestRecord{
		Segment: key, Size: s.Size, SHA256: s.SHA256.String(), Rows: s.Rows, Replaces: t.replaces, At: c.now(),
	}
	return ledger.Packed{Segment: s, Documents: w.docs}, c.putManifest(ctx, w.summary.Segment.Hash, m)
}

// begin records that a segment is about to be put. Where another is to go from
// under its key that goes first, unless the target is patient and it isn't due.
func (c *Config) begin(ctx context.Context, t target, s ledger.Segment) (ledger.Segment, error) {
	got, err := c.Ledger.BeginSegment(ctx, s)
	if !errors.Is(err, ledger.ErrMoved) {
		return got, err
	}
	there, lookErr := c.Ledger.Segments(ctx, ledger.SegmentQuery{Key: s.Key})
	if lookErr != nil {
		return got, lookErr
	}
	for _, old := range there {
		if t.patient && old.Due.After(c.now()) {
			return got, err
		}
		if err := c.removeSegment(ctx, old, later(c.now(), old.Due)); err != nil {
			return got, err
		}
	}
	return c.Ledger.BeginSegment(ctx, s)
}

// vanished is ledger.ErrMoved where err says that a segment is not there and somebody
// has removed it since it was begun, as an erasure does; else it is err.
func (c *Config) vanished(ctx context.Context, s ledger.Segment, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	now, lookErr := c.Ledger.Segment(ctx, s.ID)
	switch {
	case errors.Is(lookErr, fs.ErrNotExist), lookErr == nil && now.State == ledger.SegmentDeleting:
		return &segmentError{s.Key, fmt.Errorf("%w: somebody has removed it", ledger.ErrMoved)}
	case lookErr != nil:
		return lookErr
	}
	return err
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// sizeAndHash reads an object.
func sizeAndHash(ctx context.Context, s store.Store, key string) (int64, ledger.Hash, error) {
	r, _, err := s.Get(ctx, key, store.Range{})
	if err != nil {
		return 0, ledger.Hash{}, err
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		return 0, ledger.Hash{}, fmt.Errorf("read %s: %w", key, err)
	}
	return n, ledger.Hash(h.Sum(nil)), nil
}

// readBack compares a segment in the store, row by row and byte by byte, with what
// is to be in it. One that was there before may tell otherwise what is only there
// to be read.
func (c *Config) readBack(ctx context.Context, s ledger.Segment, w *written, there bool) error {
	r, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	want := w.summary.Contents
	i := 0
	for row, err := range r.Documents(nil) { // each document was compared with its hash
		switch {
		case err != nil:
			return err
		case i == len(want) || row.Key != want[i].Key || row.SHA256 != want[i].SHA256:
			return fmt.Errorf("its row %d is %.200s with the SHA-256 %x: %w", i, row.Key, row.SHA256, segment.ErrDamaged)
		}
		if got := w.printOf(row); got.what != w.prints[i].what || !there && got.text != w.prints[i].text {
			return fmt.Errorf("its row %d, %.200s, tells something else than was written: %w", i, row.Key, segment.ErrDamaged)
		}
		i++
	}
	if i < len(want) {
		return fmt.Errorf("it has %d rows, not %d: %w", i, len(want), segment.ErrDamaged)
	}
	return nil
}

// maxManifest bounds what is read of a manifest: it names a few keys.
const maxManifest = 1 << 20

// putManifest puts a segment's manifest, unless the same is there.
func (c *Config) putManifest(ctx context.Context, hash string, m layout.ManifestRecord) error {
	key, body := layout.Manifest(hash), store.Bytes(layout.Encode(m))
	err := c.Store.Put(ctx, key, body, store.PutOptions{IfAbsent: true})
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	r, _, err := c.Store.Get(ctx, key, store.Range{})
	if err != nil {
		return err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxManifest))
	if err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	if is, err := layout.Decode[layout.ManifestRecord](b); err == nil && is.Segment == m.Segment && is.SHA256 == m.SHA256 {
		return nil
	}
	return c.Store.Put(ctx, key, body, store.PutOptions{})
}
