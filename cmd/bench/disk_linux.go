package main

import (
	"fmt"
	"syscall"
)

// checkDisk refuses a folder whose files are only in memory: fsync costs
// nothing there, so every figure would be wrong.
func checkDisk(dir string) error {
	const tmpfs, ramfs = 0x01021994, 0x858458f6
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return fmt.Errorf("look at the file system of %s: %w", dir, err)
	}
	if s.Type == tmpfs || s.Type == ramfs {
		return fmt.Errorf("%s is in memory, not on a disk: choose another folder with -dir", dir)
	}
	return nil
}

// settle waits until all that was written is on disk, so that a run does not
// pay for the one before.
func settle() { syscall.Sync() }
