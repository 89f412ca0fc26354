//go:build !linux

package main

import "syscall"

// checkDisk can't tell here what is a disk.
func checkDisk(string) error { return nil }

// settle waits until all that was written is on disk, so that a run does not
// pay for the one before.
func settle() { _ = syscall.Sync() }
