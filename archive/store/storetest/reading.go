package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"logstow/archive/store"
)

func testMissing(t *testing.T, s store.Store) {
	put(t, s, "a/b/c", []byte("x"))
	for _, key := range []string{"a/b/d", "a/b", "a", "z/z/z", "a/b/c/d", strings.Repeat("z", 255)} {
		if _, _, err := get(t.Context(), s, key, store.Range{}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Get(%q) = %v, want fs.ErrNotExist", key, err)
		}
		if _, err := s.Stat(t.Context(), key); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, store.ErrRefused) {
			t.Errorf("Stat(%q) = %v, want fs.ErrNotExist alone", key, err)
		}
	}
}

func testGetRange(t *testing.T, s store.Store) {
	b := content(7, 1000)
	put(t, s, "a/b", b)
	for _, test := range []struct {
		part     store.Range
		from, to int
	}{
		{store.Range{}, 0, 1000},
		{store.Range{Offset: 1}, 1, 1000},
		{store.Range{Length: 1}, 0, 1},
		{store.Range{Offset: 10, Length: 20}, 10, 30},
		{store.Range{Offset: 999, Length: 1}, 999, 1000},
		{store.Range{Offset: 990, Length: 50}, 990, 1000},
		{store.Range{Offset: 1000}, 1000, 1000},
		{store.Range{Offset: 1000, Length: 1}, 1000, 1000},
		{store.Range{Offset: 5000, Length: 10}, 1000, 1000},
		{store.Range{Offset: 5000}, 1000, 1000},
		{store.Range{Offset: 1, Length: 1<<63 - 1}, 1, 1000},
	} {
		got, info, err := get(t.Context(), s, "a/b", test.part)
		if err != nil || !bytes.Equal(got, b[test.from:test.to]) {
			t.Errorf("Get(%+v) = %d bytes, %v; want bytes %d to %d", test.part, len(got), err, test.from, test.to)
		}
		if info.Size != 1000 || info.Key != "a/b" || info.ETag == "" {
			t.Errorf("Get(%+v) says %+v, want the whole object's key, size and ETag", test.part, info)
		}
	}
	if _, _, err := get(t.Context(), s, "a/none", store.Range{Offset: 5}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get of a part of nothing = %v, want fs.ErrNotExist", err)
	}
}

// oddKeys are valid, but each has been somebody's bug.
var oddKeys = []string{
	"a b/c+d&e=f?g#h;i:j@k,l$m",
	"back\\slash/qu\"ote'<tag>",
	"%2e%2E/%25/100%",
	"ünï/日本語/😀",
	"...dots/.hidden/..a/b..",
	"_logstow/meta/x",
	"*/[a]/{b}/~/^|`!()",
	"line\nbreak/tab\there",
	"trailing /space ",
	strings.Repeat("s", 255) + "/x",
}

func testKeys(t *testing.T, s store.Store) {
	putAll(t, s, oddKeys)
	for _, key := range oddKeys {
		wantContent(t, s, key, []byte(key))
	}
	wantList(t, s, store.ListOptions{}, oddKeys)
	long := strings.Repeat("abcdefghi/", 89) + "abcdefghij" // 900 bytes, as long as a document's may be
	put(t, s, long, []byte("long"))
	wantContent(t, s, long, []byte("long"))
	if err := s.Delete(t.Context(), append([]string{long}, oddKeys...)...); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	wantList(t, s, store.ListOptions{}, nil)
}

func testHostileKeys(t *testing.T, s store.Store) {
	put(t, s, "a/b", []byte("x"))
	for _, key := range []string{
		"", "/", "/a/b", "a/b/", "a//b", ".", "..", "../a", "a/../b", "a/..", "./a", "a/./b", "a/.",
		"a\x00b", "a/b\x00", "a/\xff", strings.Repeat("a/", 512) + "b",
	} {
		_, _, getErr := get(t.Context(), s, key, store.Range{})
		_, statErr := s.Stat(t.Context(), key)
		for name, err := range map[string]error{
			"Put":           s.Put(t.Context(), key, store.Bytes([]byte("y")), store.PutOptions{}),
			"Put if absent": s.Put(t.Context(), key, store.Bytes([]byte("y")), store.PutOptions{IfAbsent: true}),
			"Get":           getErr,
			"Stat":          statErr,
			"Delete":        s.Delete(t.Context(), key),
		} {
			if !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("%s(%.40q) = %v, want fs.ErrInvalid", name, key, err)
			}
		}
	}
	for _, prefix := range []string{"../", "..", "/", "a//", "a/../a", "a/b/", "\x00", "\xff"} {
		if got := list(t, s, store.ListOptions{Prefix: prefix}); len(got) > 0 {
			t.Errorf("List(%q) = %q, want nothing", prefix, got)
		}
	}
	wantContent(t, s, "a/b", []byte("x"))
	wantList(t, s, store.ListOptions{}, []string{"a/b"})
}

func testInvalidArguments(t *testing.T, s store.Store) {
	body := store.Bytes([]byte("x"))
	put(t, s, "a/b", []byte("1"))
	_, _, negativeOffset := get(t.Context(), s, "a/b", store.Range{Offset: -1})
	_, _, negativeLength := get(t.Context(), s, "a/b", store.Range{Length: -1})
	for name, err := range map[string]error{
		"Put with both conditions":  s.Put(t.Context(), "a/b", body, store.PutOptions{IfAbsent: true, IfMatch: "x"}),
		"Put without a reader":      s.Put(t.Context(), "a/b", store.Body{}, store.PutOptions{}),
		"Get from a negative place": negativeOffset,
		"Get of a negative length":  negativeLength,
	} {
		if !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%s = %v, want fs.ErrInvalid", name, err)
		}
	}
	wantContent(t, s, "a/b", []byte("1"))
}

// orderKeys sort differently by folder than by bytes.
var orderKeys = []string{
	"a-b", "a-b-c/x", "a.b", "a/b", "a/b-c", "a/b.c/d", "a/c/d", "a/c-d", "a0", "aa/b", "B/c",
	"a b/c", "é/f", "z", "%41/b", "_x/y", "a+b/c", "a/b!",
}

func testListOrder(t *testing.T, s store.Store) {
	wantList(t, s, store.ListOptions{}, nil)
	putAll(t, s, orderKeys)
	wantList(t, s, store.ListOptions{}, orderKeys)
}

func testListPrefix(t *testing.T, s store.Store) {
	putAll(t, s, orderKeys)
	for _, prefix := range []string{
		"a", "a/", "a/b", "a/b.", "a/b.c/", "a/b.c/d", "a/b.c/d/", "a-", "a-b-c/x", "B/", "é", "\xc3", "none", "a/none/", "a/b.c/none",
	} {
		wantList(t, s, store.ListOptions{Prefix: prefix}, orderKeys)
	}
}

func testListAfter(t *testing.T, s store.Store) {
	putAll(t, s, orderKeys)
	for _, prefix := range []string{"", "a", "a/", "a/b"} {
		for _, after := range append([]string{"a", "a/", "a/b/", "a/b.c", "a/b.c/", "a/b.c/z", "zz", "0", "é"}, orderKeys...) {
			wantList(t, s, store.ListOptions{Prefix: prefix, After: after}, orderKeys)
		}
	}
}

func testListManyPages(t *testing.T, s store.Store) {
	keys := manyKeys(1100)
	putAll(t, s, keys)
	wantList(t, s, store.ListOptions{}, keys)
	wantList(t, s, store.ListOptions{Prefix: "u/jobs/", After: keys[700]}, keys)
	n := 0
	for _, err := range s.List(t.Context(), store.ListOptions{}) {
		if err != nil {
			t.Fatalf("List: %v", err)
		}
		if n++; n == 1050 {
			break
		}
	}
	if n != 1050 {
		t.Errorf("List yielded %d of the 1050 objects that were asked for", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n = 0
	var last error
	for _, err := range s.List(ctx, store.ListOptions{}) {
		if last = err; err == nil {
			n++
		}
		cancel()
	}
	if !errors.Is(last, context.Canceled) || n >= len(keys) {
		t.Errorf("List whose context ended at the first of %d objects yielded %d and ended with %v, want context.Canceled", len(keys), n, last)
	}
}

func manyKeys(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("u/jobs/r%d/day%d/%04d.json", i%3, i%7, i)
	}
	return keys
}
