package dirstore_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"logstow/archive/store"
	"logstow/archive/store/dirstore"
)

// A process that runs for months removes what others left that died meanwhile.
func TestWhatDeadProcessesLeftIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s, err := dirstore.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		put := func(key string) {
			t.Helper()
			if err := s.Put(t.Context(), key, store.Bytes([]byte(key)), store.PutOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		put("a")
		left := filepath.Join(dir, dirstore.TempDir, "left")
		if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(left, time.Now(), time.Now()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(59 * time.Minute)
		put("b")
		if _, err := os.Stat(left); err != nil {
			t.Errorf("what may still be written to is gone after 59 minutes: %v", err)
		}
		time.Sleep(2 * time.Minute)
		put("c")
		if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("what was left an hour ago is still there: %v", err)
		}
	})
}
