package store_test

import (
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
	content := []byte("0123456789")
	if err := s.Put(t.Context(), "a", store.Bytes(content), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	r := store.ReaderAt(t.Context(), s, "a")
	if err := iotest.TestReader(io.NewSectionReader(r, 0, 10), content); err != nil {
		t.Error(err)
	}
	s.Reset()
	part := make([]byte, 3)
	if n, err := r.ReadAt(part, 4); n != 3 || err != nil || string(part) != "456" || len(s.Calls()) != 1 {
		t.Errorf("ReadAt = %d, %v with %q in %d calls, want 456 in one", n, err, part, len(s.Calls()))
	}
	for off, want := range map[int64]string{8: "89", 10: "", 99: ""} {
		if n, err := r.ReadAt(part, off); err != io.EOF || string(part[:n]) != want { //nolint:errorlint // io.ReaderAt says so
			t.Errorf("ReadAt(%d) = %q, %v, want %q, io.EOF", off, part[:n], err, want)
		}
	}
	if n, err := r.ReadAt(nil, 0); n != 0 || err != nil {
		t.Errorf("ReadAt of nothing = %d, %v", n, err)
	}
	if _, err := store.ReaderAt(t.Context(), s, "b").ReadAt(part, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ReadAt of what isn't there = %v, want fs.ErrNotExist", err)
	}
	lost := errors.New("lost")
	for _, when := range []storetest.When{storetest.Before, storetest.During, storetest.After} {
		s.Reset()
		s.Arm(storetest.Fault{Call: 1, When: when, Err: lost})
		if _, err := r.ReadAt(part, 0); !errors.Is(err, lost) {
			t.Errorf("ReadAt with a fault %s = %v, want %v", when, err, lost)
		}
	}
}
