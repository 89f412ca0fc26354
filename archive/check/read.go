package check

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/klauspost/compress/zstd"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

const (
	// maxContent bounds the small objects of our own that are read, in bytes.
	maxContent = 64 << 10

	// maxManifest bounds a manifest, which names a few keys.
	maxManifest = 1 << 20

	// maxWindow is what decompressing may take of memory.
	maxWindow = 8 << 20
)

// read reads what a Stored row says there is, and hashes it again.
func (k *checker) read(ctx context.Context, d ledger.Document) error {
	sum, size, err := k.sum(ctx, d.Key)
	switch {
	case gone(err):
		return k.missing(ctx, d, d.Key)
	case unreadable(err):
		return k.damaged(ctx, d, d.Key, err.Error())
	case err != nil:
		return err
	case size != d.Size:
		err = k.damaged(ctx, d, d.Key, fmt.Sprintf("it has %d bytes, not %d", size, d.Size))
	case sum != d.SHA256:
		err = k.damaged(ctx, d, d.Key, fmt.Sprintf("its SHA-256 is %s, not %s", sum, d.SHA256))
	}
	if err != nil || d.Changed == "" && !d.Overflow {
		return err
	}
	return k.readBeside(ctx, d)
}

// readBeside reads what lies beside a document. What is not there was seen to
// be missing in the listing, or will be.
func (k *checker) readBeside(ctx context.Context, d ledger.Document) error {
	key := layout.Meta(d.Key)
	c, err := small[layout.Change](ctx, k, key)
	switch {
	case gone(err):
	case errors.Is(err, errNonsense), unreadable(err):
		err = k.damaged(ctx, d, key, err.Error())
	case err == nil && d.Changed != "" && c.InputSHA256 != d.InputHash.String():
		err = k.damaged(ctx, d, key, fmt.Sprintf("it tells of a record with SHA-256 %.70q, not %s", c.InputSHA256, d.InputHash))
	}
	if err != nil && !gone(err) || !d.Overflow {
		return ignoreGone(err)
	}
	if c.InputSHA256 != d.InputHash.String() {
		c.OverflowSHA256 = "" // of another record
	}
	return k.readOverflow(ctx, d, c.OverflowSHA256)
}

// readOverflow inflates the full record behind a document, and compares it
// where it is known what it was; want is in hex.
func (k *checker) readOverflow(ctx context.Context, d ledger.Document, want string) error {
	key := layout.Overflow(d.Key)
	sum, _, err := k.inflated(ctx, key, 2*d.InputSize+1<<20) // another envelope is not much larger
	switch {
	case gone(err):
		return nil
	case errors.Is(err, errNonsense), unreadable(err):
		return k.damaged(ctx, d, key, err.Error())
	case err != nil:
		return err
	case want != "" && sum.String() != want:
		return k.damaged(ctx, d, key, fmt.Sprintf("the record in it has SHA-256 %s, not %.70s", sum, want))
	}
	return nil
}

// errNonsense says that an object is not what such objects are.
var errNonsense = errors.New("it can't be read as what it should be")

// unreadable tells whether the store has lost what it should read: a bad disk.
func unreadable(err error) bool { return errors.Is(err, syscall.EIO) }

func ignoreGone(err error) error {
	if gone(err) {
		return nil
	}
	return err
}

// get reads an object and counts that.
func (k *checker) get(ctx context.Context, key string, read func(io.Reader) error) error {
	r, info, err := k.Store.Get(ctx, key, store.Range{})
	if err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	defer r.Close()
	if err := read(bounded{ctx, r}); err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	k.count(func(s *Summary) { s.Read++; s.ReadBytes += info.Size })
	return nil
}

// bounded ends reading when ctx does.
type bounded struct {
	ctx context.Context //nolint:containedctx // it lives as long as one call
	r   io.Reader
}

func (b bounded) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.r.Read(p)
}

// sum hashes an object.
func (k *checker) sum(ctx context.Context, key string) (sum ledger.Hash, size int64, err error) {
	h := sha256.New()
	err = k.get(ctx, key, func(r io.Reader) error {
		size, err = io.Copy(h, r)
		return err
	})
	h.Sum(sum[:0])
	return sum, size, err
}

// inflated hashes what an object holds, zstd-compressed: at most limit bytes.
// What doesn't inflate is errNonsense.
func (k *checker) inflated(ctx context.Context, key string, limit int64) (sum ledger.Hash, size int64, err error) {
	h := sha256.New()
	err = k.get(ctx, key, func(r io.Reader) error {
		source := &failing{r: r}
		d, err := zstd.NewReader(source, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err == nil {
			defer d.Close()
			size, err = io.Copy(h, io.LimitReader(d, limit+1))
		}
		switch {
		case source.err != nil:
			return source.err
		case err != nil:
			return fmt.Errorf("%w: %w", errNonsense, err)
		case size > limit:
			return fmt.Errorf("%w: it inflates to more than %d bytes", errNonsense, limit)
		}
		return nil
	})
	h.Sum(sum[:0])
	return sum, size, err
}

// failing keeps the error of the store apart from that of who reads.
type failing struct {
	r   io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

// small reads a small object of our own. What isn't one is errNonsense.
func small[T layout.Change | layout.QuarantineNote | layout.ErasureRecord | layout.ManifestRecord](ctx context.Context, k *checker, key string) (content T, err error) {
	limit := int64(maxContent)
	switch any(content).(type) {
	case layout.ErasureRecord:
		limit = layout.MaxErasure
	case layout.ManifestRecord:
		limit = maxManifest
	}
	err = k.get(ctx, key, func(r io.Reader) error {
		b, err := io.ReadAll(io.LimitReader(r, limit))
		if err != nil {
			return err
		}
		if content, err = layout.Decode[T](b); err != nil {
			return fmt.Errorf("%w: %w", errNonsense, err)
		}
		return nil
	})
	return content, err
}
