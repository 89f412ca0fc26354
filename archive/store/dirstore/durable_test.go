package dirstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/store"
	"logstow/archive/store/dirstore"
)

// synced returns the directories, relative to dir, that do makes the store
// fsync.
func synced(t *testing.T, s *dirstore.Store, dir string, do func() error) []string {
	t.Helper()
	var mu sync.Mutex
	seen := map[string]bool{}
	dirstore.WatchSyncs(s, func(d string) {
		mu.Lock()
		defer mu.Unlock()
		rel, err := filepath.Rel(dir, d)
		if err != nil {
			t.Errorf("fsync of %s outside %s", d, dir)
		}
		seen[rel] = true
	})
	if err := do(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range seen {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// TestPutSyncsEveryNewName checks that the fsyncs of a Put cover every name
// that leads to the object and may not be durable yet.
func TestPutSyncsEveryNewName(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "deep", "root")
	s := open(t, root)
	put := func(s *dirstore.Store, key string) []string {
		t.Helper()
		return synced(t, s, dir, func() error {
			return s.Put(t.Context(), key, store.Bytes([]byte("x")), store.PutOptions{IfAbsent: true})
		})
	}
	check := func(what string, got []string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s fsyncs other directories than it should (-want +got):\n%s", what, diff)
		}
	}
	check("the first Put", put(s, "u/jobs/1/f"), ".", "..", "deep", "deep/root", "deep/root/u", "deep/root/u/jobs", "deep/root/u/jobs/1")
	check("a Put into a new folder", put(s, "u/jobs/2/f"), "deep/root/u/jobs", "deep/root/u/jobs/2")
	check("a Put into an old folder", put(s, "u/jobs/2/g"), "deep/root/u/jobs/2")
	check("the Delete of all in a folder", synced(t, s, dir, func() error {
		return s.Delete(t.Context(), "u/jobs/2/f", "u/jobs/2/g")
	}), "deep/root/u/jobs", "deep/root/u/jobs/2")
	check("a Put into a folder that was removed", put(s, "u/jobs/2/f"), "deep/root/u/jobs", "deep/root/u/jobs/2")

	if err := s.Delete(t.Context(), "u/jobs/2/f"); err != nil {
		t.Fatal(err)
	}
	// Another process made these and may have died before it synced them.
	if err := os.Mkdir(filepath.Join(root, "u/jobs/2"), 0o755); err != nil {
		t.Fatal(err)
	}
	check("a Put into a folder that was removed and made by another", put(s, "u/jobs/2/f"), "deep/root/u/jobs", "deep/root/u/jobs/2")
	if err := os.MkdirAll(filepath.Join(root, "v/jobs/3"), 0o755); err != nil {
		t.Fatal(err)
	}
	check("a Put into folders of another process", put(s, "v/jobs/3/f"), "deep/root", "deep/root/v", "deep/root/v/jobs", "deep/root/v/jobs/3")
	other := open(t, root)
	check("a Put that loses to another process", synced(t, other, dir, func() error {
		err := other.Put(t.Context(), "v/jobs/3/f", store.Bytes([]byte("y")), store.PutOptions{IfAbsent: true})
		if !errors.Is(err, os.ErrExist) {
			t.Errorf("Put over another's object = %v, want fs.ErrExist", err)
		}
		return nil
	}), "deep/root", "deep/root/v", "deep/root/v/jobs", "deep/root/v/jobs/3")
}

// TestPutAfterFailedSync lets every sync of the first Put fail in turn. The
// next Put, into the same folder, does not take for durable what it finds there.
func TestPutAfterFailedSync(t *testing.T) {
	failed := true
	for n := 0; failed; n++ {
		dir := t.TempDir()
		root := filepath.Join(dir, "deep", "root")
		s, d, at := open(t, root), newPowerDisk(t, dir), 0
		failed = false
		d.fails = func() bool {
			at++
			failed = failed || at == n+1
			return at == n+1
		}
		dirstore.Use(s, d)
		put := func(name string) (string, error) {
			err := s.Put(t.Context(), "u/1/"+name, store.Bytes([]byte(name)), store.PutOptions{IfAbsent: true})
			if err != nil {
				return "", err
			}
			return d.read(filepath.Join(root, "u/1", name))
		}
		if _, err := put("first"); (err != nil) != failed {
			t.Errorf("the first Put, of which sync %d fails = %v", n, err)
		}
		d.fails = func() bool { return false }
		if got, err := put("second"); err != nil || got != "second" {
			t.Errorf("the Put after one of which sync %d failed leaves %q, %v", n, got, err)
		}
		if n > 20 {
			t.Fatalf("%d syncs in one Put", n)
		}
	}
}

// TestSyncsAreShared checks that callers who come while an fsync is under way
// wait for one more, and only one, that begins after they came.
func TestSyncsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began, ended atomic.Int32
		release := make(chan error)
		sync := dirstore.NewSync(t, func(string) error {
			began.Add(1)
			return <-release
		})
		failure := errors.New("failed")
		call := func(want error) {
			if err := sync("d"); !errors.Is(err, want) {
				t.Errorf("sync = %v, want %v", err, want)
			}
			ended.Add(1)
		}
		state := func(when string, wantBegan, wantEnded int32) {
			t.Helper()
			synctest.Wait()
			if began.Load() != wantBegan || ended.Load() != wantEnded {
				t.Errorf("%s: %d fsyncs began and %d calls ended, want %d and %d", when, began.Load(), ended.Load(), wantBegan, wantEnded)
			}
		}
		go call(nil)
		state("one caller", 1, 0)
		for range 5 {
			go call(failure)
		}
		state("five more", 1, 0)
		release <- nil
		state("after the first fsync", 2, 1)
		go call(nil)
		state("one more caller", 2, 1)
		release <- failure
		state("after the second fsync", 3, 6)
		release <- nil
		state("after the third fsync", 3, 7)
	})
}
