package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"
)

// Getter is the part of a Store that reads objects.
type Getter interface {
	Get(ctx context.Context, key string, part Range) (io.ReadCloser, Info, error)
}

// ReaderAt reads parts of an object, each by one Get. All parts are of the same
// object: where another one has taken its place since the first, it is ErrChanged.
// It is for one call, whose ctx it keeps, and may be used concurrently. Errors are
// those of Get.
func ReaderAt(ctx context.Context, s Getter, key string) io.ReaderAt {
	return &readerAt{ctx: ctx, store: s, key: key}
}

type readerAt struct {
	ctx   context.Context
	store Getter
	key   string
	etag  atomic.Pointer[string] // of the first part; nil before
}

// ReadAt implements io.ReaderAt.
func (r *readerAt) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("read %s at %d: %w", r.key, off, fs.ErrInvalid)
	}
	if len(p) == 0 {
		return 0, nil
	}
	body, info, err := r.store.Get(r.ctx, r.key, Range{Offset: off, Length: int64(len(p))})
	if err != nil {
		return 0, err
	}
	defer func() {
		if closing := body.Close(); err == nil && closing != nil {
			err = fmt.Errorf("read %s: %w", r.key, closing)
		}
	}()
	if etag := info.ETag; !r.etag.CompareAndSwap(nil, &etag) && *r.etag.Load() != etag {
		return 0, fmt.Errorf("read %s: %w while it was read", r.key, ErrChanged)
	}
	n, err = io.ReadFull(body, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	if err != nil && err != io.EOF {
		err = fmt.Errorf("read %s: %w", r.key, err)
	}
	return n, err
}
