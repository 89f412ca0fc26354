package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

// ErrDamaged says that the store no longer holds what the ledger says it does:
// the object is missing, or has other bytes. Test with errors.Is.
var ErrDamaged = errors.New("damaged")

// ErrNoFull says that a version was written without its lines and that they
// were not kept elsewhere either. Test with errors.Is.
var ErrNoFull = errors.New("its lines were not kept")

// The limits under which an object is decompressed.
const (
	maxWindow = 64 << 20 // of the decoder's memory
	maxBytes  = 64 << 30 // that come out, where the ledger doesn't know how many
)

// objects is the part of a store that reading needs.
type objects interface {
	Get(ctx context.Context, key string, part store.Range) (io.ReadCloser, store.Info, error)
}

// maxChange bounds what is read of a meta object, in bytes.
const maxChange = 64 << 10

// readChange reads what was done to the document at key.
func readChange(ctx context.Context, s objects, key string) (layout.Change, error) {
	object, err := get(ctx, s, layout.Meta(key))
	if err != nil {
		return layout.Change{}, err
	}
	defer object.Close()
	b, err := io.ReadAll(io.LimitReader(object, maxChange))
	if err != nil {
		return layout.Change{}, object.explain(err)
	}
	change, err := layout.Decode[layout.Change](b)
	if err != nil {
		err = fmt.Errorf("%s: %w: %w", object.key, ErrDamaged, err)
	}
	return change, err
}

// decompress writes what a zstd object holds: exactly size bytes, or any
// number where size is 0.
func decompress(w io.Writer, object *reading, size int64) error {
	decoder, err := zstd.NewReader(object, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return fmt.Errorf("decompress %s: %w", object.key, err)
	}
	defer decoder.Close()
	limit := size
	if limit == 0 {
		limit = maxBytes
	}
	r := &reading{r: decoder, key: object.key, beneath: object}
	n, err := io.Copy(w, io.LimitReader(r, limit))
	if err != nil {
		return r.explain(err)
	}
	switch more, err := io.CopyN(io.Discard, r, 1); {
	case more > 0:
		return fmt.Errorf("%s: %w: it holds more than the %d bytes that were taken in", r.key, ErrDamaged, limit)
	case err != io.EOF:
		return r.explain(err)
	case size > 0 && n != size:
		return fmt.Errorf("%s: %w: it holds %d of the %d bytes that were taken in", r.key, ErrDamaged, n, size)
	}
	return nil
}

// capped tells whether the document was written without its lines, for size.
func capped(v ledger.Document) bool {
	return slices.Contains(strings.Split(v.Changed, ","), changedCapped)
}

// copyTo copies all of an object.
func copyTo(w io.Writer, r *reading) error {
	if _, err := io.Copy(w, r); err != nil {
		return r.explain(err)
	}
	return nil
}

// get opens an object that the ledger says is there.
func get(ctx context.Context, s objects, key string) (*reading, error) {
	object, _, err := s.Get(ctx, key, store.Range{})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w: the object is missing in the store", key, errElsewhere)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	return &reading{r: object, key: key, Closer: object}, nil
}

// reading is an object being read, or what is decompressed from it. It
// remembers its error, so that a failed copy can be put down to the right
// side.
type reading struct {
	r io.Reader
	io.Closer
	key     string
	beneath *reading // what is being decompressed; nil for the object itself
	err     error
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// explain says of a copy's error whether the store, the object or the place
// that was written to is to blame.
func (r *reading) explain(err error) error {
	switch {
	case r.err == nil:
		return fmt.Errorf("write out: %w", err)
	case r.beneath == nil:
		return fmt.Errorf("read %s: %w", r.key, err)
	case r.beneath.err != nil:
		return fmt.Errorf("read %s: %w", r.key, r.beneath.err)
	default:
		return fmt.Errorf("%s: %w: %w", r.key, ErrDamaged, err)
	}
}
