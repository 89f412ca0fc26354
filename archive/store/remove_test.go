package store_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
)

func putKeys(t *testing.T, s store.Store, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if err := s.Put(t.Context(), key, store.Bytes([]byte(key)), store.PutOptions{}); err != nil {
			t.Fatalf("Put(%q): %v", key, err)
		}
	}
}

// all returns the key of every version there is.
func all(t *testing.T, s *memstore.Bucket) []string {
	t.Helper()
	keys := []string{}
	for v, err := range s.Versions(t.Context(), "") {
		if err != nil {
			t.Fatalf("Versions: %v", err)
		}
		keys = append(keys, v.Key)
	}
	return keys
}

// day returns keys like those of documents.
func day(recipe, day, n int) (keys []string) {
	for i := range n {
		keys = append(keys, fmt.Sprintf("5/jobs/r%d/202601%02d/%d/5-r%d-%d.json", recipe, day, i, recipe, i))
	}
	return keys
}

func month(recipes, each int) (keys []string) {
	for r := range recipes {
		for d := range 20 {
			keys = append(keys, day(r, d, each)...)
		}
	}
	return keys
}

// counting counts the versions that are listed.
type counting struct {
	*memstore.Bucket
	n *int
}

func (c counting) Versions(ctx context.Context, prefix string) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) {
		for v, err := range c.Bucket.Versions(ctx, prefix) {
			if *c.n++; !yield(v, err) {
				return
			}
		}
	}
}

// How many listings it takes to find the versions of keys, by what lies beside
// them.
func TestRemoveListsFew(t *testing.T) {
	for _, test := range []struct {
		name         string
		keys, beside []string
		most         int
	}{
		{"alone", month(10, 5), nil, 1},
		{"beside another month's", month(10, 5), []string{"5/jobs/r3/20260201/x/y", "6/jobs/z"}, 1},
		{"with their metadata", append(month(5, 5), below("_logstow/meta/", month(5, 5))...), nil, 2},
		{"few", day(1, 1, 5), day(1, 2, 1000), 5},
		{"a day of a large recipe", day(1, 1, 40), day(1, 2, 20000), 1},
		{"the last of a large folder", []string{"5/jobs/r1/20260103/a/b"}, month(3, 500), 1},
		{"scattered", every(month(3, 400), 2000), month(3, 400), 2*12 + 1},
	} {
		inner := memstore.NewVersioned()
		putKeys(t, inner, test.beside...)
		putKeys(t, inner, test.keys...)
		read := 0
		s := storetest.NewFaulty(counting{inner, &read})
		if err := store.Remove(t.Context(), s, nil, test.keys...); err != nil {
			t.Errorf("%s: Remove: %v", test.name, err)
		}
		if read > 200*len(test.keys) {
			t.Errorf("%s: Remove of %d keys lists %d versions", test.name, len(test.keys), read)
		}
		lists := 0
		for _, call := range s.Calls() {
			if call.Method == "Versions" {
				lists++
			}
		}
		if lists > test.most {
			t.Errorf("%s: Remove of %d keys makes %d listings, want at most %d", test.name, len(test.keys), lists, test.most)
		}
		for _, key := range all(t, inner) {
			if slices.Contains(test.keys, key) {
				t.Errorf("%s: %s is left", test.name, key)
			}
		}
		others := slices.DeleteFunc(slices.Clone(test.beside), func(key string) bool { return slices.Contains(test.keys, key) })
		if n := len(all(t, inner)); n != len(others) {
			t.Errorf("%s: %d others are left, want %d", test.name, n, len(others))
		}
	}
}

func below(prefix string, keys []string) []string {
	for i := range keys {
		keys[i] = prefix + keys[i] + ".json"
	}
	return keys
}

func every(keys []string, n int) (some []string) {
	for i := 0; i < len(keys); i += n {
		some = append(some, keys[i])
	}
	return some
}

// Where there are no versions, one request removes 1,000 objects.
func TestRemoveManyAtOnce(t *testing.T) {
	keys := month(5, 21)
	inner := memstore.New()
	putKeys(t, inner, append(keys, "other")...)
	s, asked := storetest.NewFaulty(inner), 0
	before := func(context.Context) error { asked++; return nil }
	if err := store.Remove(t.Context(), s, before, keys...); err != nil {
		t.Errorf("Remove: %v", err)
	}
	if calls := s.Calls(); len(calls) != 3 || asked != 3 {
		t.Errorf("Remove of %d keys makes %d calls and asks %d times before one, want 3", len(keys), len(calls), asked)
	}
	for info, err := range inner.List(t.Context(), store.ListOptions{}) {
		if err != nil || info.Key != "other" {
			t.Errorf("%s is left, %v", info.Key, err)
		}
	}
}

// Random keys of few names, so that they begin each other, replaced and hidden
// and some of them locked.
func TestRemoveAtRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		s := memstore.NewVersioned()
		var keys, gone []string
		want := map[string]bool{}
		for range 1 + r.IntN(60) {
			key := ""
			for range 1 + r.IntN(4) {
				key += fmt.Sprintf("/%c%.*s", 'a'+rune(r.IntN(3)), r.IntN(2), "-")
			}
			keys = append(keys, key[1:])
		}
		locked := ""
		for _, key := range keys {
			putKeys(t, s, key)
			if r.IntN(3) == 0 {
				if err := s.Delete(t.Context(), key); err != nil {
					t.Fatal(err)
				}
			} else if r.IntN(20) == 0 {
				locked = key
			}
			if r.IntN(2) == 0 {
				gone = append(gone, key)
			}
			want[key] = true
		}
		if locked != "" {
			if err := s.SetRetention(locked, "", time.Now().Add(time.Hour)); errors.Is(err, fs.ErrNotExist) {
				locked = "" // it was hidden later
			} else if err != nil {
				t.Fatal(err)
			}
		}
		for _, key := range gone {
			delete(want, key)
		}
		retained := locked != "" && slices.Contains(gone, locked)
		if retained {
			want[locked] = true
		}
		err := store.Remove(t.Context(), s, nil, gone...)
		if _, ok := errors.AsType[*store.RetainedError](err); ok != retained || !ok && err != nil {
			t.Fatalf("Remove(%q), of which %q is locked = %v", gone, locked, err)
		}
		for _, key := range all(t, s) {
			if !want[key] {
				t.Fatalf("after Remove(%q), of which %q is locked, %s is left", gone, locked, key)
			}
		}
		left := slices.Compact(all(t, s))
		if len(left) != len(want) {
			t.Fatalf("after Remove(%q) of %q, %q are left", gone, keys, left)
		}
	}
}

// Wherever it breaks off, a second Remove ends it, and what else there is stays.
func TestRemoveBreaksOff(t *testing.T) {
	fault := errors.New("fault")
	calls := 1
	for n := 1; n <= calls; n++ {
		for _, when := range []storetest.When{storetest.Before, storetest.During, storetest.After} {
			inner := memstore.NewVersioned()
			keys := append(day(1, 1, 9), "x/y/z")
			putKeys(t, inner, keys...)
			putKeys(t, inner, append(keys, "5/jobs/other")...)
			if err := inner.Delete(t.Context(), keys[0]); err != nil {
				t.Fatal(err)
			}
			s := storetest.NewFaulty(inner)
			s.Arm(storetest.Fault{Call: n, When: when, Err: fault, Sticky: true})
			if err := store.Remove(t.Context(), s, nil, keys...); !errors.Is(err, fault) {
				t.Errorf("call %d failing %v: Remove = %v, want the fault", n, when, err)
			}
			s.Reset()
			if err := store.Remove(t.Context(), s, nil, keys...); err != nil {
				t.Errorf("call %d failing %v: the second Remove: %v", n, when, err)
			}
			if got := all(t, inner); !slices.Equal(got, []string{"5/jobs/other"}) {
				t.Errorf("call %d failing %v: %q are left", n, when, got)
			}
			if n == 1 && when == storetest.Before {
				calls = len(s.Calls())
			}
		}
	}
	if calls < 4 {
		t.Errorf("Remove makes %d calls, want 4 or more", calls)
	}
}

// forbidding refuses some requests as a whole, as S3 does without the right.
type forbidding struct{ *memstore.Store }

func (forbidding) Delete(context.Context, ...string) error {
	return fmt.Errorf("delete 3 objects: %w: %w", store.ErrRefused, fs.ErrPermission)
}

func TestRemoveForbidden(t *testing.T) {
	s := forbidding{memstore.New()}
	err := store.Remove(t.Context(), s, nil, "b", "a", "c")
	e, ok := errors.AsType[*store.RetainedError](err)
	if !ok || !slices.Equal(e.Keys, []string{"a", "b", "c"}) || !e.Until.IsZero() || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Remove where deleting is forbidden = %v, want a RetainedError of all keys", err)
	}
	err = store.Remove(t.Context(), memstore.New(), nil, "a", "../b")
	if _, ok := errors.AsType[*store.RetainedError](err); ok || !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("Remove of a hostile key = %v, want fs.ErrInvalid", err)
	}
}

// unknowing is a server that knows nothing about versions, not even whether it has
// any.
type unknowing struct{ *memstore.Store }

func (unknowing) Versioned(context.Context) (bool, error) { return true, nil }

func (unknowing) Versions(context.Context, string) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) {
		yield(store.Version{}, fmt.Errorf("list: %w: %w", store.ErrRefused, errors.ErrUnsupported))
	}
}

func (unknowing) DeleteVersions(context.Context, ...store.Version) error {
	return errors.ErrUnsupported
}

func TestRemoveWhereTheServerKnowsNoVersions(t *testing.T) {
	s := unknowing{memstore.New()}
	keys := month(5, 20)
	putKeys(t, s, append(keys, "other")...)
	if err := store.Remove(t.Context(), s, nil, keys...); err != nil {
		t.Errorf("Remove: %v", err)
	}
	for info, err := range s.List(t.Context(), store.ListOptions{}) {
		if err != nil || info.Key != "other" {
			t.Errorf("%s is left, %v", info.Key, err)
		}
	}
}
