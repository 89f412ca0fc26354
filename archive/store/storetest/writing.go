package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"logstow/archive/store"
)

func testPutAndGet(t *testing.T, s store.Store) {
	for i, size := range []int{1, 8 << 10, 3<<20 + 1} {
		key := fmt.Sprintf("u/jobs/r/20240102/%d/file.json", size)
		b := content(uint64(i), size)
		put(t, s, key, b)
		wantContent(t, s, key, b)
	}
}

func testReplace(t *testing.T, s store.Store) {
	put(t, s, "a/b", []byte("first"))
	first := wantContent(t, s, "a/b", []byte("first"))
	put(t, s, "a/b", []byte("later"))
	later := wantContent(t, s, "a/b", []byte("later"))
	if first.ETag == later.ETag {
		t.Errorf("the ETag is %q before and after the content changed", first.ETag)
	}
}

func testMetadata(t *testing.T, s store.Store) {
	meta := map[string]string{"logstow-input": "00ff", "logstow-lines": "12"}
	opts := store.PutOptions{Metadata: meta, ContentType: "text/plain"}
	if err := s.Put(t.Context(), "a/b", store.Bytes([]byte("x")), opts); err != nil {
		t.Fatalf("Put with metadata: %v", err)
	}
	info := wantContent(t, s, "a/b", []byte("x"))
	if info.Metadata != nil && !maps.Equal(info.Metadata, meta) {
		t.Errorf("Stat says metadata %v, want %v or none at all", info.Metadata, meta)
	}
}

func testPutEmpty(t *testing.T, s store.Store) {
	put(t, s, "a/empty", nil)
	wantContent(t, s, "a/empty", nil)
	if b, _, err := get(t.Context(), s, "a/empty", store.Range{Offset: 5, Length: 5}); err != nil || len(b) != 0 {
		t.Errorf("Get of a part of an empty object = %q, %v; want nothing and no error", b, err)
	}
	err := s.Put(t.Context(), "a/empty", store.Bytes([]byte("x")), store.PutOptions{IfAbsent: true})
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("Put if absent over an empty object = %v, want fs.ErrExist", err)
	}
}

func testPutChecksBody(t *testing.T, s store.Store) {
	good := store.Bytes([]byte("content"))
	crc := good
	crc.CRC32C++
	short := good
	short.Size++
	broken := good
	broken.ReaderAt, broken.Memory = brokenReader{}, nil
	for name, body := range map[string]store.Body{
		"a wrong CRC32C": crc, "a wrong CRC32C that is read": unread(crc), "an early end": short, "a broken reader": broken,
	} {
		for _, opts := range []store.PutOptions{{}, {IfAbsent: true}} {
			if err := s.Put(t.Context(), "a/b", body, opts); err == nil {
				t.Errorf("Put of a body with %s = nil, want an error", name)
			}
		}
	}
	wantList(t, s, store.ListOptions{}, nil)
}

// unread returns a body that is not in memory.
func unread(b store.Body) store.Body {
	b.Memory = nil
	return b
}

type brokenReader struct{}

func (brokenReader) ReadAt([]byte, int64) (int, error) { return 0, errors.New("broken") }

func testPutReadsBodyAgain(t *testing.T, s store.Store) {
	b := content(1, 100_000)
	body := store.Bytes(b)
	for _, key := range []string{"a/1", "a/2"} {
		if err := s.Put(t.Context(), key, body, store.PutOptions{}); err != nil {
			t.Fatalf("Put(%q) of a body that was used before: %v", key, err)
		}
		wantContent(t, s, key, b)
	}
	if got, err := io.ReadAll(io.NewSectionReader(body, 0, body.Size)); err != nil || !bytes.Equal(got, b) {
		t.Errorf("the body reads as %d bytes, %v after Put; want it unchanged", len(got), err)
	}
}

func testIfAbsent(t *testing.T, s store.Store) {
	absent := store.PutOptions{IfAbsent: true}
	if err := s.Put(t.Context(), "a/b", store.Bytes([]byte("1")), absent); err != nil {
		t.Fatalf("Put if absent: %v", err)
	}
	for _, b := range []string{"1", "2"} {
		if err := s.Put(t.Context(), "a/b", store.Bytes([]byte(b)), absent); !errors.Is(err, fs.ErrExist) {
			t.Errorf("Put if absent over an object = %v, want fs.ErrExist", err)
		}
	}
	wantContent(t, s, "a/b", []byte("1"))
}

func testIfAbsentAfterDelete(t *testing.T, s store.Store, deletedIsTaken bool) {
	put(t, s, "a/b", []byte("1"))
	if err := s.Delete(t.Context(), "a/b"); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	err := s.Put(t.Context(), "a/b", store.Bytes([]byte("3")), store.PutOptions{IfAbsent: true})
	if deletedIsTaken {
		if !errors.Is(err, fs.ErrExist) {
			t.Errorf("Put if absent after Delete = %v, want fs.ErrExist, the known limit", err)
		}
		return
	}
	if err != nil {
		t.Fatalf("Put if absent after Delete: %v", err)
	}
	wantContent(t, s, "a/b", []byte("3"))
}

// testIfAbsentRace lets 16 callers race for each of some keys, which share
// folders that none of them has made yet.
func testIfAbsentRace(t *testing.T, s store.Store) {
	const keys, racers = 8, 16
	var wins [keys]atomic.Int32
	var winner [keys]atomic.Int32
	err := race(t.Context(), keys*racers, func(ctx context.Context, i int) error {
		k, racer := i%keys, i/keys
		key := fmt.Sprintf("u/jobs/r/2024010%d/%d/file.json", k%2, k)
		err := s.Put(ctx, key, store.Bytes(content(uint64(racer), 1000)), store.PutOptions{IfAbsent: true})
		switch {
		case err == nil:
			wins[k].Add(1)
			winner[k].Store(int32(racer))
		case !errors.Is(err, fs.ErrExist):
			return fmt.Errorf("Put if absent = %w, want nil or fs.ErrExist", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for k := range keys {
		if n := wins[k].Load(); n != 1 {
			t.Errorf("%d of %d racers for key %d were told that they won, want 1", n, racers, k)
		}
		key := fmt.Sprintf("u/jobs/r/2024010%d/%d/file.json", k%2, k)
		wantContent(t, s, key, content(uint64(winner[k].Load()), 1000))
	}
}

// race starts n calls of f at once and waits for them.
func race(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	var start sync.WaitGroup
	start.Add(n)
	g, ctx := errgroup.WithContext(ctx)
	for i := range n {
		g.Go(func() error {
			start.Done()
			start.Wait()
			return f(ctx, i)
		})
	}
	return g.Wait()
}

func testIfMatch(t *testing.T, s store.Store) {
	err := s.Put(t.Context(), "a/b", store.Bytes([]byte("x")), store.PutOptions{IfMatch: "0123456789abcdef0123456789abcdef"})
	if !errors.Is(err, store.ErrChanged) {
		t.Errorf("Put if match of what is not there = %v, want ErrChanged", err)
	}
	wantList(t, s, store.ListOptions{}, nil)

	put(t, s, "a/b", []byte("1"))
	first := wantContent(t, s, "a/b", []byte("1"))
	if err := s.Put(t.Context(), "a/b", store.Bytes([]byte("2")), store.PutOptions{IfMatch: first.ETag}); err != nil {
		t.Fatalf("Put if match with the present ETag: %v", err)
	}
	err = s.Put(t.Context(), "a/b", store.Bytes([]byte("3")), store.PutOptions{IfMatch: first.ETag})
	if !errors.Is(err, store.ErrChanged) {
		t.Errorf("Put if match with an old ETag = %v, want ErrChanged", err)
	}
	wantContent(t, s, "a/b", []byte("2"))
}

func testIfMatchRace(t *testing.T, s store.Store) {
	put(t, s, "a/b", []byte("start"))
	etag := wantContent(t, s, "a/b", []byte("start")).ETag
	var wins, winner atomic.Int32
	err := race(t.Context(), 8, func(ctx context.Context, i int) error {
		err := s.Put(ctx, "a/b", store.Bytes(content(uint64(i), 100)), store.PutOptions{IfMatch: etag})
		switch {
		case err == nil:
			wins.Add(1)
			winner.Store(int32(i))
		case !errors.Is(err, store.ErrChanged):
			return fmt.Errorf("Put if match = %w, want nil or ErrChanged", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if wins.Load() != 1 {
		t.Fatalf("%d racers were told that they won, want 1", wins.Load())
	}
	wantContent(t, s, "a/b", content(uint64(winner.Load()), 100))
}

// testAtomicReplace reads while the object is being replaced: each read sees
// one content, whole.
func testAtomicReplace(t *testing.T, s store.Store) {
	versions := [][]byte{content(1, 200_000), content(2, 150_000)}
	put(t, s, "a/b", versions[0])
	g, ctx := errgroup.WithContext(t.Context())
	g.Go(func() error {
		for i := range 10 {
			if err := s.Put(ctx, "a/b", store.Bytes(versions[i%2]), store.PutOptions{}); err != nil {
				return fmt.Errorf("Put: %w", err)
			}
		}
		return nil
	})
	for range 2 {
		g.Go(func() error {
			for range 20 {
				b, _, err := get(ctx, s, "a/b", store.Range{})
				if err != nil {
					return fmt.Errorf("Get: %w", err)
				}
				if !bytes.Equal(b, versions[0]) && !bytes.Equal(b, versions[1]) {
					return fmt.Errorf("Get saw %d bytes that were never put", len(b))
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

func testCancelled(t *testing.T, s store.Store) {
	put(t, s, "a/b", []byte("x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, getErr := get(ctx, s, "a/b", store.Range{})
	_, statErr := s.Stat(ctx, "a/b")
	var listErr error
	for _, err := range s.List(ctx, store.ListOptions{}) {
		listErr = err
	}
	for name, err := range map[string]error{
		"Put":           s.Put(ctx, "a/b", store.Bytes([]byte("y")), store.PutOptions{}),
		"Put if absent": s.Put(ctx, "a/c", store.Bytes([]byte("y")), store.PutOptions{IfAbsent: true}),
		"Get":           getErr,
		"Stat":          statErr,
		"List":          listErr,
		"Delete":        s.Delete(ctx, "a/b"),
	} {
		if !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s with a cancelled context = %v, want context.Canceled and not ErrUnavailable", name, err)
		}
	}
	wantContent(t, s, "a/b", []byte("x"))
	wantList(t, s, store.ListOptions{}, []string{"a/b"})
}
