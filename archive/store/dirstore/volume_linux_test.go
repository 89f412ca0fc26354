package dirstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"logstow/archive/store/dirstore"
)

// TestVolume opens and syncs the file system that this test runs on, or is told
// that it is none of those that tell of every error.
func TestVolume(t *testing.T) {
	root := t.TempDir()
	temp := filepath.Join(root, dirstore.TempDir)
	if _, err := dirstore.OpenVolume(root, temp); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("OpenVolume of what is not there = %v, want fs.ErrNotExist", err)
	}
	if err := os.Mkdir(temp, 0o750); err != nil {
		t.Fatal(err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(temp, &fs); err != nil {
		t.Fatal(err)
	}
	f, err := dirstore.OpenVolume(root, temp)
	if fs.Type != unix.EXT4_SUPER_MAGIC && fs.Type != unix.XFS_SUPER_MAGIC && fs.Type != unix.BTRFS_SUPER_MAGIC {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("OpenVolume on a file system of type %#x = %v, want errors.ErrUnsupported", fs.Type, err)
		}
		return
	}
	if err != nil {
		t.Fatalf("OpenVolume: %v", err)
	}
	defer f.Close()
	if err := dirstore.SyncVolume(f); err != nil {
		t.Errorf("SyncVolume = %v", err)
	}
	if _, err := dirstore.OpenVolume("/proc", temp); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("OpenVolume for directories on two file systems = %v, want errors.ErrUnsupported", err)
	}
}

func TestSyncsTell(t *testing.T) {
	for release, want := range map[string]bool{
		"5.17.0": true, "5.17": true, "5.18-rc1": true, "6.1.0-18-amd64": true, "6.18.44+": true, "10.0": true,
		"5.16.20-200.fc35.x86_64": false, "5.8.0": false, "4.19.0": false, "5": false, "": false, "x.17": false, "5.x": false, "-6.1": false,
	} {
		if got := dirstore.SyncsTell(release); got != want {
			t.Errorf("SyncsTell(%q) = %v, want %v", release, got, want)
		}
	}
}
