package dirstore_test

import (
	"path/filepath"
	"testing"

	"logstow/archive/store"
	"logstow/archive/store/dirstore"
	"logstow/archive/store/storetest"
)

func open(t *testing.T, dir string) *dirstore.Store {
	t.Helper()
	s, err := dirstore.Open(dir)
	if err != nil {
		t.Fatalf("Open(%q): %v", dir, err)
	}
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, t.TempDir()) })
}

// TestStoreNotYetThere runs the suite in directories that the store has to
// make, deep inside others.
func TestStoreNotYetThere(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return open(t, filepath.Join(t.TempDir(), "some", "prefix"))
	})
}
