package store

import (
	"context"
	"fmt"
	"io"
)

// ReaderAt reads an object by ranges, each read by one Get. Its errors are those of
// Get and of the body, and io.EOF where the object ends before a range does. It
// may be used concurrently, until ctx ends.
func ReaderAt(ctx context.Context, s Store, key string) io.ReaderAt {
	return rangeReader(func(b []byte, off int64) (int, error) {
		return readRange(ctx, s, key, b, off)
	})
}

// rangeReader makes an io.ReaderAt of a function.
type rangeReader func(b []byte, off int64) (int, error)

// ReadAt implements io.ReaderAt.
func (r rangeReader) ReadAt(b []byte, off int64) (int, error) { return r(b, off) }

func readRange(ctx context.Context, s Store, key string, b []byte, off int64) (int, error) {
	if len(b) == 0 {
		return 0, nil // a range without a length would be all
	}
	body, _, err := s.Get(ctx, key, Range{Offset: off, Length: int64(len(b))})
	if err != nil {
		return 0, err
	}
	defer body.Close()
	n, err := io.ReadFull(body, b)
	switch err { //nolint:errorlint // ReadFull returns these as they are
	case nil:
		return n, nil
	case io.EOF, io.ErrUnexpectedEOF:
		return n, io.EOF
	}
	return n, fmt.Errorf("read %s at byte %d: %w", key, off+int64(n), err)
}
