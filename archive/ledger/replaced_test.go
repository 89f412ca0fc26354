package ledger_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"logstow/archive/ledger"
)

// Nothing is said to be recorded in a file that was taken away, nor told from
// one that took its place.
func TestReplacedFile(t *testing.T) {
	for name, replace := range map[string]func(path, other string) error{
		"removed":  func(path, _ string) error { return os.Remove(path) },
		"moved":    func(path, _ string) error { return os.Rename(path, path+".old") },
		"replaced": func(path, other string) error { return os.Rename(other, path) },
	} {
		t.Run(name, func(t *testing.T) {
			path, other := newPath(t), filepath.Join(t.TempDir(), "other.db")
			if err := open(t, other).Close(); err != nil {
				t.Fatal(err)
			}
			l := open(t, path)
			lease := acquire(t, l, "t", noon, time.Hour)
			commit(t, l, ledger.Batch{Documents: []ledger.Document{job("u", "1", "a")}})
			if err := replace(path, other); err != nil {
				t.Fatal(err)
			}
			_, readErr := l.Counts(t.Context())
			for what, err := range map[string]error{
				"Commit":     l.Commit(t.Context(), ledger.Batch{Documents: []ledger.Document{job("u", "2", "a")}}),
				"Counts":     readErr,
				"RenewLease": l.RenewLease(t.Context(), lease),
			} {
				if !errors.Is(err, ledger.ErrReplaced) || errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s = %v, want ErrReplaced", what, err)
				}
			}
		})
	}
}

// A path that leads elsewhere is the file that it leads to.
func TestFileBehindALink(t *testing.T) {
	path := newPath(t)
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	commit(t, open(t, link), ledger.Batch{Documents: []ledger.Document{job("u", "1", "a")}})
}
