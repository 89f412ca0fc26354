package dirstore_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"logstow/archive/store"
	"logstow/archive/store/dirstore"
)

func TestReadingCreatesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, dir)
	for info, err := range s.List(t.Context(), store.ListOptions{}) {
		t.Errorf("List yields %v, %v; want nothing", info, err)
	}
	if _, err := s.Stat(t.Context(), "a/b"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat = %v, want fs.ErrNotExist", err)
	}
	if _, _, err := s.Get(t.Context(), "a/b", store.Range{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get = %v, want fs.ErrNotExist", err)
	}
	if err := s.Delete(t.Context(), "a/b"); err != nil {
		t.Errorf("Delete = %v, want nil", err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is there after reading (%v), want it not to be", err)
	}
}

func TestOpenRefusesFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := dirstore.Open(file); !errors.Is(err, fs.ErrInvalid) || !strings.Contains(err.Error(), file) {
		t.Errorf("Open of a file = %v, want fs.ErrInvalid and the name", err)
	}
	if _, err := dirstore.Open(""); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("Open of nothing = %v, want fs.ErrInvalid", err)
	}
}

// TestNoTempFilesRemain counts the temporary files after Puts that won, lost
// and failed.
func TestNoTempFilesRemain(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	good := store.Bytes([]byte("x"))
	bad := good
	bad.CRC32C++
	for _, body := range []store.Body{good, bad} {
		for _, opts := range []store.PutOptions{{IfAbsent: true}, {IfAbsent: true}, {}, {IfMatch: "none"}} {
			_ = s.Put(t.Context(), "a/b", body, opts) // some of these fail
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, dirstore.TempDir))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != "lock" {
		t.Errorf("%s holds %v, want the lock alone", dirstore.TempDir, entries)
	}
}

func TestAbandonedTempFilesGo(t *testing.T) {
	dir := t.TempDir()
	temp := filepath.Join(dir, dirstore.TempDir)
	if err := os.Mkdir(temp, 0o755); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-2 * time.Hour)
	for name, at := range map[string]time.Time{"old": long, "young": time.Now(), "lock": long} {
		if err := os.WriteFile(filepath.Join(temp, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(temp, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir)
	if err := s.Put(t.Context(), "a/b", store.Bytes(nil), store.PutOptions{}); err != nil {
		t.Fatalf("Put: %v", err)
	}
	for name, want := range map[string]bool{"old": false, "young": true, "lock": true} {
		if _, err := os.Lstat(filepath.Join(temp, name)); (err == nil) != want {
			t.Errorf("%s: Lstat = %v, want it there: %v", name, err, want)
		}
	}
	for info, err := range s.List(t.Context(), store.ListOptions{}) {
		if err != nil || info.Key != "a/b" {
			t.Errorf("List yields %q, %v", info.Key, err)
		}
	}
	for name, err := range map[string]error{
		"Put":    s.Put(t.Context(), dirstore.TempDir+"/x", store.Bytes(nil), store.PutOptions{}),
		"Delete": s.Delete(t.Context(), dirstore.TempDir+"/young"),
	} {
		if !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%s of a temporary file's name = %v, want fs.ErrInvalid", name, err)
		}
	}
}

// TestFolderOrObject checks what happens to keys that a directory can't hold
// beside each other.
func TestFolderOrObject(t *testing.T) {
	s := open(t, t.TempDir())
	if err := s.Put(t.Context(), "a/b", store.Bytes([]byte("x")), store.PutOptions{}); err != nil {
		t.Fatalf("Put: %v", err)
	}
	for _, key := range []string{"a", "a/b/c", "a/b/c/d", "a/" + strings.Repeat("x", 256)} {
		for _, opts := range []store.PutOptions{{}, {IfAbsent: true}} {
			if err := s.Put(t.Context(), key, store.Bytes([]byte("y")), opts); !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("Put(%.20q, %+v) = %v, want fs.ErrInvalid", key, opts, err)
			}
		}
	}
}

func TestOnlyFilesAreObjects(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"loop": ".", "dangling": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir)
	var keys []string
	for info, err := range s.List(t.Context(), store.ListOptions{}) {
		if err != nil {
			t.Fatalf("List: %v", err)
		}
		keys = append(keys, info.Key)
	}
	if got := strings.Join(keys, " "); got != "file" {
		t.Errorf("List yields %q, want the file alone", got)
	}
	for _, key := range []string{"pipe", "dangling", "loop"} {
		if _, _, err := s.Get(t.Context(), key, store.Range{}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Get(%q) = %v, want fs.ErrNotExist", key, err)
		}
	}
	if err := s.Put(t.Context(), "dangling/x", store.Bytes(nil), store.PutOptions{IfAbsent: true}); err == nil {
		t.Error("Put below a dangling link = nil, want an error")
	}
}

// TestETagSurvivesClock checks that replaced content has another ETag even if
// the old file is from the future.
func TestETagSurvivesClock(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put := func(content string) string {
		t.Helper()
		if err := s.Put(t.Context(), "a", store.Bytes([]byte(content)), store.PutOptions{}); err != nil {
			t.Fatalf("Put: %v", err)
		}
		info, err := s.Stat(t.Context(), "a")
		if err != nil {
			t.Fatalf("Stat: %v", err)
		}
		return info.ETag
	}
	put("one")
	future := time.Now().Add(24 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "a"), future, future); err != nil {
		t.Fatal(err)
	}
	before, err := s.Stat(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	put("two")
	after, err := s.Stat(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if before.ETag == after.ETag || !after.ModTime.After(before.ModTime) {
		t.Errorf("ETag %q then %q, time %v then %v; want another ETag and a later time", before.ETag, after.ETag, before.ModTime, after.ModTime)
	}
}

// TestTwoStoresOneDirectory lets two instances, as two processes would, append
// to one object by read, change and Put if it matches: no change is lost.
func TestTwoStoresOneDirectory(t *testing.T) {
	dir := t.TempDir()
	stores := []*dirstore.Store{open(t, dir), open(t, dir)}
	if err := stores[0].Put(t.Context(), "counter", store.Bytes(nil), store.PutOptions{}); err != nil {
		t.Fatalf("Put: %v", err)
	}
	const each = 20
	g, ctx := errgroup.WithContext(t.Context())
	for i := range 4 {
		s := stores[i%2]
		g.Go(func() error {
			for done := 0; done < each; {
				info, err := s.Stat(ctx, "counter")
				if err != nil {
					return err
				}
				body := store.Bytes(make([]byte, info.Size+1))
				err = s.Put(ctx, "counter", body, store.PutOptions{IfMatch: info.ETag})
				switch {
				case err == nil:
					done++
				case !errors.Is(err, store.ErrChanged):
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	info, err := stores[0].Stat(t.Context(), "counter")
	if err != nil || info.Size != 4*each {
		t.Errorf("the counter is %d, %v after %d increments", info.Size, err, 4*each)
	}
}

func TestTranslate(t *testing.T) {
	for _, test := range []struct {
		errno syscall.Errno
		want  []error
		not   []error
	}{
		{syscall.ENOSPC, []error{store.ErrUnavailable}, []error{store.ErrRefused}},
		{syscall.EDQUOT, []error{store.ErrUnavailable}, []error{store.ErrRefused}},
		{syscall.EIO, []error{store.ErrUnavailable}, []error{store.ErrRefused}},
		{syscall.EMFILE, []error{store.ErrUnavailable}, []error{store.ErrRefused}},
		{syscall.EACCES, []error{store.ErrRefused, fs.ErrPermission}, []error{store.ErrUnavailable, fs.ErrNotExist}},
		{syscall.EPERM, []error{store.ErrRefused, fs.ErrPermission}, nil},
		{syscall.EROFS, []error{store.ErrRefused, fs.ErrPermission}, []error{store.ErrUnavailable}},
		{syscall.ENAMETOOLONG, []error{fs.ErrInvalid}, []error{store.ErrRefused}},
	} {
		err := dirstore.Translate(&fs.PathError{Op: "open", Path: "/p", Err: test.errno})
		for _, want := range append(test.want, test.errno) {
			if !errors.Is(err, want) {
				t.Errorf("%v becomes %v, which is not %v", test.errno, err, want)
			}
		}
		for _, not := range test.not {
			if errors.Is(err, not) {
				t.Errorf("%v becomes %v, which is %v", test.errno, err, not)
			}
		}
		if !strings.Contains(fmt.Sprint(err), "/p") {
			t.Errorf("%v becomes %q, which does not name the file", test.errno, err)
		}
	}
}

// TestDeleteRacesPut deletes the only object of a folder again and again while
// others are put beside it, from two stores on the same directory.
func TestDeleteRacesPut(t *testing.T) {
	dir := t.TempDir()
	stores := []*dirstore.Store{open(t, dir), open(t, dir)}
	g, ctx := errgroup.WithContext(t.Context())
	for racer := range 4 {
		s := stores[racer%2]
		g.Go(func() error {
			for i := range 50 {
				key := fmt.Sprintf("u/jobs/r/%d-%d", racer, i)
				if err := s.Put(ctx, key, store.Bytes([]byte(key)), store.PutOptions{IfAbsent: true}); err != nil {
					return err
				}
				if _, err := s.Stat(ctx, key); err != nil {
					return fmt.Errorf("Stat after Put: %w", err)
				}
				if err := s.Delete(ctx, key); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "u")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder of what was deleted: %v, want it gone", err)
	}
}
