package storetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"logstow/archive/store"
)

// Limits are departures of a server from the contract that we know of and can
// live with. The suite checks that they are really there.
type Limits struct {
	// DeletedIsTaken: in a bucket with versions, a Put if absent loses to an
	// object that was deleted, since its versions are still there.
	DeletedIsTaken bool

	// FolderDeleteFails: the Delete of a key that is the folder of other keys,
	// but no object, fails.
	FolderDeleteFails bool
}

// Run holds a store to the contract. newStore is called for each test and
// returns a store that holds nothing; all of them may share one bucket.
func Run(t *testing.T, newStore func(t *testing.T) store.Store) {
	RunWithin(t, Limits{}, newStore)
}

// RunWithin is Run for a store with known limits.
func RunWithin(t *testing.T, limits Limits, newStore func(t *testing.T) store.Store) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s store.Store)
	}{
		{"PutAndGet", testPutAndGet},
		{"Replace", testReplace},
		{"Metadata", testMetadata},
		{"PutEmpty", testPutEmpty},
		{"PutChecksBody", testPutChecksBody},
		{"PutReadsBodyAgain", testPutReadsBodyAgain},
		{"IfAbsent", testIfAbsent},
		{"IfAbsentRace", testIfAbsentRace},
		{"IfMatch", testIfMatch},
		{"IfMatchRace", testIfMatchRace},
		{"AtomicReplace", testAtomicReplace},
		{"Missing", testMissing},
		{"GetRange", testGetRange},
		{"Keys", testKeys},
		{"HostileKeys", testHostileKeys},
		{"InvalidArguments", testInvalidArguments},
		{"ListOrder", testListOrder},
		{"ListPrefix", testListPrefix},
		{"ListAfter", testListAfter},
		{"ListManyPages", testListManyPages},
		{"ListWhileDeleting", testListWhileDeleting},
		{"Delete", testDelete},
		{"DeleteMany", testDeleteMany},
		{"DeleteRacesPut", testDeleteRacesPut},
		{"Remove", testRemove},
		{"Cancelled", testCancelled},
		{"DeleteFolder", func(t *testing.T, s store.Store) { testDeleteFolder(t, s, limits.FolderDeleteFails) }},
		{"IfAbsentAfterDelete", func(t *testing.T, s store.Store) { testIfAbsentAfterDelete(t, s, limits.DeletedIsTaken) }},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, newStore(t)) })
	}
}

// content returns size bytes that are a function of seed.
func content(seed uint64, size int) []byte {
	b := make([]byte, size)
	r := rand.NewChaCha8([32]byte{0: byte(seed), 1: byte(seed >> 8), 2: byte(seed >> 16)})
	_, _ = r.Read(b) // it never fails
	return b
}

func put(t *testing.T, s store.Store, key string, b []byte) {
	t.Helper()
	if err := s.Put(t.Context(), key, store.Bytes(b), store.PutOptions{}); err != nil {
		t.Fatalf("Put(%q): %v", key, err)
	}
}

// putAll puts the key itself under every key.
func putAll(t *testing.T, s store.Store, keys []string) {
	t.Helper()
	putEach(t, s, keys, store.PutOptions{IfAbsent: true})
}

func putEach(t *testing.T, s store.Store, keys []string, opts store.PutOptions) {
	t.Helper()
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(16)
	for _, key := range keys {
		g.Go(func() error {
			if err := s.Put(ctx, key, store.Bytes([]byte(key)), opts); err != nil {
				return fmt.Errorf("Put(%q): %w", key, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

func get(ctx context.Context, s store.Store, key string, part store.Range) ([]byte, store.Info, error) {
	r, info, err := s.Get(ctx, key, part)
	if err != nil {
		return nil, info, err
	}
	b, err := io.ReadAll(r)
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	return b, info, err
}

// wantContent checks that key holds b, by Get, Stat and List alike, and
// returns what Stat says.
func wantContent(t *testing.T, s store.Store, key string, b []byte) store.Info {
	t.Helper()
	got, info, err := get(t.Context(), s, key, store.Range{})
	if err != nil {
		t.Fatalf("Get(%q): %v", key, err)
	}
	if !bytes.Equal(got, b) {
		t.Fatalf("Get(%q) = %d bytes %.60q, want %d bytes %.60q", key, len(got), got, len(b), b)
	}
	stat, err := s.Stat(t.Context(), key)
	if err != nil {
		t.Fatalf("Stat(%q): %v", key, err)
	}
	listed := store.Info{}
	for info, err := range s.List(t.Context(), store.ListOptions{Prefix: key}) {
		if err != nil {
			t.Fatalf("List(%q): %v", key, err)
		}
		if info.Key == key {
			listed = info
		}
	}
	for _, x := range []struct {
		call string
		info store.Info
	}{{"Get", info}, {"Stat", stat}, {"List", listed}} {
		if x.info.Key != key || x.info.Size != int64(len(b)) || x.info.ETag == "" || x.info.ModTime.IsZero() {
			t.Errorf("%s(%q) says %+v, want that key, size %d, an ETag and a time", x.call, key, x.info, len(b))
		}
		if x.info.ETag != stat.ETag {
			t.Errorf("%s(%q) says ETag %q, Stat says %q", x.call, key, x.info.ETag, stat.ETag)
		}
	}
	return stat
}

func list(t *testing.T, s store.Store, opts store.ListOptions) []string {
	t.Helper()
	keys := []string{}
	for info, err := range s.List(t.Context(), opts) {
		if err != nil {
			t.Fatalf("List(%+v) after %d keys: %v", opts, len(keys), err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

// wantList checks that List yields the keys that opts describe out of all.
func wantList(t *testing.T, s store.Store, opts store.ListOptions, all []string) {
	t.Helper()
	want := []string{}
	for _, key := range all {
		if strings.HasPrefix(key, opts.Prefix) && key > opts.After {
			want = append(want, key)
		}
	}
	slices.Sort(want)
	got := list(t, s, opts)
	if slices.Equal(got, want) {
		return
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("List(%+v) = %d keys, want %d; the first difference is at %d: got %.3q, want %.3q",
				opts, len(got), len(want), i, got[min(i, len(got)):], want[min(i, len(want)):])
			return
		}
	}
}
