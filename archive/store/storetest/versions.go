package storetest

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"logstow/archive/store"
)

// RunVersions holds a store that keeps versions to what store.Versioner promises.
// newStore is called for each test and returns a store that holds nothing.
func RunVersions(t *testing.T, newStore func(t *testing.T) store.Store) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s store.Store, v store.Versioner)
	}{
		{"Versions", testVersions},
		{"DeleteVersions", testDeleteVersions},
		{"ManyVersions", testManyVersions},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStore(t)
			v, ok := store.As[store.Versioner](s)
			if !ok {
				t.Fatal("the store is no store.Versioner")
			}
			if versioned, err := v.Versioned(t.Context()); !versioned || err != nil {
				t.Errorf("Versioned = %v, %v; want true", versioned, err)
			}
			test.run(t, s, v)
		})
	}
}

func testVersions(t *testing.T, s store.Store, _ store.Versioner) {
	for _, content := range []string{"1", "22"} {
		for _, key := range []string{"a/x y", "a/z", "b/c"} {
			put(t, s, key, []byte(content))
		}
	}
	put(t, s, "a/z", []byte("333"))
	all := versions(t, s, "a/")
	var got []string
	seen := map[string]bool{}
	for _, v := range all {
		got = append(got, fmt.Sprintf("%s %d latest=%v deleted=%v", v.Key, v.Size, v.Latest, v.Deleted))
		if v.ID == "" || v.ModTime.IsZero() || seen[v.ID] {
			t.Errorf("version %+v has no id of its own, or no time", v)
		}
		seen[v.ID] = true
	}
	slices.Sort(got) // versions of one second have no order
	want := []string{
		"a/x y 1 latest=false deleted=false", "a/x y 2 latest=true deleted=false",
		"a/z 1 latest=false deleted=false", "a/z 2 latest=false deleted=false", "a/z 3 latest=true deleted=false",
	}
	if !slices.Equal(got, want) {
		t.Errorf("Versions = %q, want %q", got, want)
	}
	last := ""
	for _, v := range versions(t, s, "") {
		if v.Key < last || v.Key != last != v.Latest {
			t.Errorf("Versions yields %+v after %q", v, last)
		}
		last = v.Key
	}
}

func testDeleteVersions(t *testing.T, s store.Store, v store.Versioner) {
	for _, key := range []string{"a/b", "a/c"} {
		put(t, s, key, []byte("1"))
		put(t, s, key, []byte("22"))
	}
	if err := s.Delete(t.Context(), "a/c"); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	var newest []store.Version
	for _, one := range versions(t, s, "") {
		if one.Latest {
			newest = append(newest, one)
		}
	}
	if len(newest) != 2 || !newest[1].Deleted {
		t.Fatalf("the newest versions are %+v, want one object and one marker", newest)
	}
	missing := newest[0]
	missing.Key = "a/none"
	if err := v.DeleteVersions(t.Context(), append(newest, newest[0])...); err != nil {
		t.Errorf("DeleteVersions: %v", err)
	}
	if err := v.DeleteVersions(t.Context(), newest...); err != nil {
		t.Errorf("DeleteVersions of what is gone: %v", err)
	}
	if err := v.DeleteVersions(t.Context(), missing); err != nil {
		t.Errorf("DeleteVersions of an object that never was: %v", err)
	}
	wantContent(t, s, "a/b", []byte("1"))  // what it had replaced
	wantContent(t, s, "a/c", []byte("22")) // what the marker had hidden

	rest := versions(t, s, "a/b")
	if len(rest) != 1 {
		t.Fatalf("versions %+v, want one", rest)
	}
	none := rest[0]
	none.ID = ""
	if err := v.DeleteVersions(t.Context(), none); !isInvalid(err, "a/b") {
		t.Errorf("DeleteVersions without an ID = %v, want a KeyError that is fs.ErrInvalid", err)
	}
	hostile := rest[0]
	hostile.Key = "a/../b"
	if err := v.DeleteVersions(t.Context(), hostile, rest[0]); !isInvalid(err, "a/../b") {
		t.Errorf("DeleteVersions of a hostile key and another = %v, want a KeyError that is fs.ErrInvalid", err)
	}
	wantLeft(t, s, "a/c")
}

// testManyVersions lists and removes more versions than one request tells or names.
func testManyVersions(t *testing.T, s store.Store, _ store.Versioner) {
	const each = 3
	keys := manyKeys(400)
	for range each {
		putEach(t, s, keys, store.PutOptions{})
	}
	seen := map[string]int{}
	last := ""
	for _, v := range versions(t, s, "u/") {
		if v.Key < last || v.Latest != (seen[v.Key] == 0) {
			t.Fatalf("Versions yields %+v, the version %d of its key, after %q", v, seen[v.Key], last)
		}
		last = v.Key
		seen[v.Key]++
	}
	for _, key := range keys {
		if seen[key] != each {
			t.Errorf("Versions yields %d versions of %q, want %d", seen[key], key, each)
		}
	}
	if err := s.Delete(t.Context(), keys[:20]...); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	counted := NewFaulty(s)
	if err := store.Remove(t.Context(), counted, nil, keys[:399]...); err != nil {
		t.Errorf("Remove: %v", err)
	}
	wantLeft(t, s, keys[399])
	requests := 0
	for _, call := range counted.Calls() {
		if call.Method == "DeleteVersions" {
			requests++
		}
	}
	if requests > 4 {
		t.Errorf("Remove of %d versions and 20 markers takes %d requests that delete, want 2 and as many", each*399, requests)
	}
}

func isInvalid(err error, key string) bool {
	var e *store.KeyError
	return errors.Is(err, fs.ErrInvalid) && errors.As(err, &e) && e.Key == key
}
