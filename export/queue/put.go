package queue

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"logstow/archive/store"
)

// errTaken says that the key of a file holds something else.
var errTaken = errors.New("the store holds something else where the file belongs")

// put puts a file where nothing is yet. That something is there is fine where
// it is this file: an earlier try whose answer was lost.
func (q *Queue) put(ctx context.Context, key string, body store.Body, contentType string) error {
	err := q.Store.Put(ctx, key, body, store.PutOptions{IfAbsent: true, ContentType: contentType})
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	return q.compare(ctx, key, body)
}

// compare is errTaken where the object is not what body says.
func (q *Queue) compare(ctx context.Context, key string, body store.Body) error {
	r, info, err := q.Store.Get(ctx, key, store.Range{})
	if err != nil {
		return fmt.Errorf("compare with what is there: %w", err)
	}
	defer r.Close()
	if info.Size != body.Size {
		return fmt.Errorf("%w: %d bytes, not %d", errTaken, info.Size, body.Size)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return fmt.Errorf("compare with what is there: %w", err)
	}
	if !bytes.Equal(sum.Sum(nil), body.SHA256[:]) {
		return fmt.Errorf("%w: SHA-256 %x, not %x", errTaken, sum.Sum(nil), body.SHA256)
	}
	return nil
}
