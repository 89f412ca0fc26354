package storetest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"logstow/archive/store"
)

func testListWhileDeleting(t *testing.T, s store.Store) {
	keys := manyKeys(50)
	putAll(t, s, keys)
	n := 0
	for info, err := range s.List(t.Context(), store.ListOptions{}) {
		if err != nil {
			t.Fatalf("List while its objects are deleted: %v", err)
		}
		if err := s.Delete(t.Context(), info.Key); err != nil {
			t.Fatalf("Delete(%q) while listing: %v", info.Key, err)
		}
		n++
	}
	if n != len(keys) {
		t.Errorf("List yielded %d objects, each deleted after it was yielded; want %d", n, len(keys))
	}
	wantList(t, s, store.ListOptions{}, nil)
}

func testDelete(t *testing.T, s store.Store) {
	keys := []string{"a/b/c", "a/b/d", "a/e"}
	putAll(t, s, keys)
	for _, missing := range []string{"a/b/none", "none/none", "a/b/none/d"} {
		if err := s.Delete(t.Context(), missing); err != nil {
			t.Errorf("Delete(%q), which is not there: %v", missing, err)
		}
	}
	if err := s.Delete(t.Context()); err != nil {
		t.Errorf("Delete of nothing: %v", err)
	}
	wantList(t, s, store.ListOptions{}, keys)

	if err := s.Delete(t.Context(), "a/b/c", "a/b/none", "a/b/c", "a/e"); err != nil {
		t.Errorf("Delete: %v", err)
	}
	wantList(t, s, store.ListOptions{}, []string{"a/b/d"})
	if _, err := s.Stat(t.Context(), "a/b/c"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of what was deleted = %v, want fs.ErrNotExist", err)
	}
	if err := s.Delete(t.Context(), "a/../b", "a/b/d"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("Delete of a hostile key and another = %v, want fs.ErrInvalid", err)
	}
	wantList(t, s, store.ListOptions{}, nil)
}

// testDeleteFolder deletes what is the folder of other keys, but no object.
func testDeleteFolder(t *testing.T, s store.Store, fails bool) {
	put(t, s, "a/b/c", []byte("x"))
	err := s.Delete(t.Context(), "a/b")
	if (err != nil) != fails {
		t.Errorf("Delete of another key's folder = %v, want an error: %v", err, fails)
	}
	wantContent(t, s, "a/b/c", []byte("x"))
}

func testDeleteMany(t *testing.T, s store.Store) {
	keys := manyKeys(1010)
	putAll(t, s, keys)
	if err := s.Delete(t.Context(), keys[1:]...); err != nil {
		t.Fatalf("Delete of %d keys: %v", len(keys)-1, err)
	}
	wantList(t, s, store.ListOptions{}, keys[:1])
}

// testDeleteRacesPut puts and deletes objects while others do so beside it.
func testDeleteRacesPut(t *testing.T, s store.Store) {
	const rounds, racers = 15, 4
	put(t, s, "u/jobs/r/always", []byte("x")) // or the folder would come and go, where there are any
	err := race(t.Context(), racers, func(ctx context.Context, racer int) error {
		for i := range rounds {
			key := fmt.Sprintf("u/jobs/r/%d-%d", racer, i)
			if err := s.Put(ctx, key, store.Bytes([]byte(key)), store.PutOptions{IfAbsent: true}); err != nil {
				return fmt.Errorf("Put(%q): %w", key, err)
			}
			if _, err := s.Stat(ctx, key); err != nil {
				return fmt.Errorf("Stat(%q) after Put: %w", key, err)
			}
			if racer == 0 && i == rounds-1 {
				continue
			}
			if err := s.Delete(ctx, key); err != nil {
				return fmt.Errorf("Delete(%q): %w", key, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantList(t, s, store.ListOptions{}, []string{"u/jobs/r/always", fmt.Sprintf("u/jobs/r/0-%d", rounds-1)})
}
