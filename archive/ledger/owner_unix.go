//go:build unix

package ledger

import (
	"os"
	"syscall"
)

// giveTo gives what root has just made in dir to whom dir belongs, as SQLite
// gives the files beside a ledger to whom the ledger belongs: what root makes in
// the folder of a service must not lock the service out. Others can't give
// anything away, nor can root in a container that may not: there it stays.
func giveTo(made *os.File, dir string) {
	if os.Geteuid() != 0 {
		return
	}
	info, err := os.Stat(dir)
	if err != nil {
		return
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid != 0 {
		_ = made.Chown(int(owner.Uid), int(owner.Gid))
	}
}

// openMade opens a directory, and nothing that somebody has put in its place.
func openMade(dir string) (*os.File, error) {
	return os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
}
