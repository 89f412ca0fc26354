package store_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"testing"
	"testing/iotest"

	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
)

func TestReaderAt(t *testing.T) {
	s := storetest.NewFaulty(memstore.New())
	put := func(content string) {
		t.Helper()
		if err := s.Put(t.Context(), "a", store.Bytes([]byte(content)), store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	put("0123456789")
	r := store.ReaderAt(t.Context(), s, "a")
	if err := iotest.TestReader(io.NewSectionReader(r, 0, 10), []byte("0123456789")); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		off  int64
		size int
		want string
		err  error
	}{
		{0, 10, "0123456789", nil},
		{7, 3, "789", nil},
		{7, 4, "789", io.EOF},
		{10, 1, "", io.EOF},
		{99, 1, "", io.EOF},
		{3, 0, "", nil},
		{-1, 1, "", fs.ErrInvalid},
	} {
		p := make([]byte, c.size)
		s.Reset()
		if n, err := r.ReadAt(p, c.off); string(p[:n]) != c.want || !errors.Is(err, c.err) || c.err == nil && err != nil {
			t.Errorf("ReadAt(%d bytes, %d) = %q, %v, want %q, %v", c.size, c.off, p[:n], err, c.want, c.err)
		}
		if len(s.Calls()) > 1 {
			t.Errorf("ReadAt(%d bytes, %d) made %d calls, want one", c.size, c.off, len(s.Calls()))
		}
	}
	put("9876543210")
	if _, err := r.ReadAt(make([]byte, 4), 0); !errors.Is(err, store.ErrChanged) {
		t.Errorf("ReadAt of an object that was replaced: %v, want %v", err, store.ErrChanged)
	}
	if _, err := store.ReaderAt(t.Context(), s, "b").ReadAt(make([]byte, 4), 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ReadAt of what isn't there: %v", err)
	}
}

// What the store fails with is passed on, and isn't the end of the object.
func TestReaderAtFails(t *testing.T) {
	broken := errors.New("broken on purpose")
	for _, when := range []storetest.When{storetest.Before, storetest.During} {
		s := memstore.New()
		if err := s.Put(t.Context(), "a", store.Bytes([]byte("0123456789")), store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		f := storetest.NewFaulty(s)
		f.Arm(storetest.Fault{Call: 1, When: when, Err: broken})
		if _, err := store.ReaderAt(t.Context(), f, "a").ReadAt(make([]byte, 10), 0); !errors.Is(err, broken) || errors.Is(err, io.EOF) {
			t.Errorf("ReadAt with a failing store: %v, want %v", err, broken)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.ReaderAt(ctx, memstore.New(), "a").ReadAt(make([]byte, 1), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("ReadAt after the end of its context: %v", err)
	}
}
