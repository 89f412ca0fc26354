package archive

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
	"logstow/layout/jobfile"
)

// maxContent bounds the small objects of our own that are read back, in bytes.
const maxContent = 64 << 10

// errDamaged says that what we once wrote is gone or not what it was.
var errDamaged = errors.New("damaged")

// readChange reads what was done to the document at key. It returns
// fs.ErrNotExist where nothing was, and errDamaged where nothing can tell.
func readChange(ctx context.Context, s store.Store, key string) (layout.Change, error) {
	b, err := readSmall(ctx, s, layout.Meta(key))
	if err != nil {
		return layout.Change{}, err
	}
	c, err := layout.Decode[layout.Change](b)
	if err != nil {
		err = fmt.Errorf("read %s: %w: %w", layout.Meta(key), errDamaged, err)
	}
	return c, err
}

// readSmall reads a small object of our own.
func readSmall(ctx context.Context, s store.Store, key string) ([]byte, error) {
	return readUpTo(ctx, s, key, maxContent)
}

// readUpTo reads an object of at most so many bytes.
func readUpTo(ctx context.Context, s store.Store, key string, limit int64) ([]byte, error) {
	r, _, err := s.Get(ctx, key, store.Range{})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, limit))
}

// fetch copies an object into a spool.
func fetch(ctx context.Context, s store.Store, key string) (*spool, error) {
	r, _, err := s.Get(ctx, key, store.Range{})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	sp := newSpool(0)
	if _, err := io.Copy(sp, r); err != nil {
		sp.close()
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	return sp, nil
}

// readable turns the refusal to read something into errUnverified.
func readable(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return errUnverified
	}
	return err
}

// compare finds out whether the object at it.row.Key has the item's content,
// and makes the row say what was done to it: another run may have had other
// settings. It returns errTaken where it has other content, errUnverified where
// it may not be read.
func (r *run) compare(ctx context.Context, it *item) (store.Body, error) {
	sp, err := fetch(ctx, r.Store, it.row.Key)
	if err != nil {
		return store.Body{}, readable(err)
	}
	defer sp.close()
	body := sp.body()
	body.ReaderAt = nil
	info, err := it.input.Reader.Read(sp.data(), sp.size) // what is no record is not this one
	same := err == nil && info.InputHash == it.info.InputHash
	c, err := readChange(ctx, r.Store, it.row.Key)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return body, readable(err)
	case err == nil && c.InputSHA256 == it.hash() && c.StoredSHA256 == hex.EncodeToString(info.InputHash[:]):
		it.row.Changed, it.row.InputSize = strings.Join(c.Changed, ","), c.InputSize
		it.row.Overflow = it.row.Overflow || c.OverflowSHA256 != ""
	case same: // and what lies beside it, if anything, is of a document that was not written
		it.row.Changed, it.row.InputSize = "", body.Size
	default:
		return body, errTaken
	}
	return body, nil
}

// compareChange finds out whether what is at the Meta of key is true of what
// is, or is about to be, at key: the item's record, made into one with the hash
// stored.
func compareChange(ctx context.Context, s store.Store, key string, it *item, stored ledger.Hash) error {
	c, err := readChange(ctx, s, key)
	switch {
	case err != nil:
		return readable(err)
	case c.InputSHA256 != it.hash():
		return errTaken
	case c.StoredSHA256 == stored.String():
		return nil
	}
	// Written with other settings: with its document, unless that run died.
	if _, err := s.Stat(ctx, key); errors.Is(err, fs.ErrNotExist) {
		return errTaken
	} else if err != nil {
		return readable(err)
	}
	return nil
}

// compareOverflow finds out whether the overflow of key is the item's record,
// whole, and returns its hash and size: another delivery of the same record
// may have had another envelope.
func compareOverflow(ctx context.Context, s store.Store, key string, it *item) (store.Body, error) {
	r, _, err := s.Get(ctx, layout.Overflow(key), store.Range{})
	if err != nil {
		return store.Body{}, readable(err)
	}
	defer r.Close()
	sp, err := decompress(r, 2*it.size+1<<20) // another envelope is not much larger
	if errors.Is(err, errTooLarge) {
		return store.Body{}, errTaken
	}
	if err != nil {
		return store.Body{}, fmt.Errorf("compare %s: %w", layout.Overflow(key), err)
	}
	defer sp.close()
	info, err := it.input.Reader.Read(sp.data(), sp.size)
	var bad *jobfile.Error
	if errors.As(err, &bad) || err == nil && info.InputHash != it.info.InputHash {
		err = errTaken
	}
	return sp.body(), err
}
