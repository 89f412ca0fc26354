package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"logstow/archive/store"
)

// left returns every key below which something is left, hidden or not.
func left(t *testing.T, s store.Store) []string {
	t.Helper()
	keys := list(t, s, store.ListOptions{})
	for _, v := range versions(t, s, "") {
		keys = append(keys, v.Key)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// versions returns what there is below prefix; nothing where no versions are kept.
func versions(t *testing.T, s store.Store, prefix string) []store.Version {
	t.Helper()
	versioner, ok := store.As[store.Versioner](s)
	if !ok {
		return nil
	}
	var all []store.Version
	for v, err := range versioner.Versions(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("Versions(%q) after %d: %v", prefix, len(all), err)
		}
		all = append(all, v)
	}
	return all
}

func wantLeft(t *testing.T, s store.Store, want ...string) {
	t.Helper()
	if got := left(t, s); !slices.Equal(got, want) {
		t.Errorf("left are %d keys %.3q, want %d %.3q", len(got), got, len(want), want)
	}
}

// testRemove removes what was replaced, hidden and is the beginning of another
// key, together with what never was.
func testRemove(t *testing.T, s store.Store) {
	for _, key := range []string{"a/b/c", "a/b/c-more", "a/b/d", "a/e", "z/z/z"} {
		put(t, s, key, []byte("first"))
		put(t, s, key, []byte("second"))
	}
	if err := s.Delete(t.Context(), "a/b/d"); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	asked := 0
	before := func(context.Context) error { asked++; return nil }
	err := store.Remove(t.Context(), s, before, "z/z/z", "a/b/c", "none/none", "a/b/d", "a/b/c", "a/b/none")
	if err != nil || asked == 0 {
		t.Errorf("Remove = %v, asking before it %d times", err, asked)
	}
	wantLeft(t, s, "a/b/c-more", "a/e")
	wantContent(t, s, "a/e", []byte("second"))

	stop := errors.New("the lease is lost")
	err = store.Remove(t.Context(), s, func(context.Context) error { return stop }, "a/e", "a/b/c-more")
	if !errors.Is(err, stop) {
		t.Errorf("Remove where before says no = %v, want its error", err)
	}
	wantLeft(t, s, "a/b/c-more", "a/e")
	if err := store.Remove(t.Context(), s, nil); err != nil {
		t.Errorf("Remove of nothing: %v", err)
	}
	if err := store.Remove(t.Context(), s, nil, "a/e"); err != nil {
		t.Errorf("Remove: %v", err)
	}
	wantLeft(t, s, "a/b/c-more")
}
