//go:build unix

package ledger_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"logstow/archive/ledger"
)

// What root makes in a folder of another user belongs to that user. Anybody else
// makes what is theirs anyway, so that there is something to see in both cases.
func TestOpenGivesToTheOwnerOfTheFolder(t *testing.T) {
	folder := t.TempDir()
	if os.Geteuid() == 0 {
		if err := os.Chown(folder, 12345, 23456); err != nil {
			t.Fatal(err)
		}
	}
	want := ownerOf(t, folder)
	path := filepath.Join(folder, "a", "b", "ledger.db")
	l := open(t, path)
	commit(t, l, ledger.Batch{Documents: []ledger.Document{job("u", "1", "a")}})
	for _, name := range []string{filepath.Join(folder, "a"), filepath.Join(folder, "a", "b"), path, path + "-wal", path + "-shm"} {
		if got := ownerOf(t, name); got != want {
			t.Errorf("%s belongs to %v, its folder to %v", name, got, want)
		}
	}
}

// Who changes what a folder is while root makes one in it is given nothing of
// what they point at.
func TestOpenMadeFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if f, err := ledger.OpenMade(link); err == nil {
		t.Errorf("OpenMade of a link = %s, want an error", f.Name())
		f.Close()
	}
	f, err := ledger.OpenMade(dir)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

type owner struct{ uid, gid uint32 }

func ownerOf(t *testing.T, path string) owner {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatalf("no owner of %s", path)
	}
	return owner{st.Uid, st.Gid}
}
