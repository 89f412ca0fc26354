package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// inMemory says why a folder can't keep so many bytes in memory for versitygw;
// "" where it can.
func inMemory(dir string, size int64) string {
	const tmpfs = 0x01021994
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return fmt.Sprintf("no folder in memory: %s: %v", dir, err)
	}
	if s.Type != tmpfs {
		return dir + " is not in memory (tmpfs)"
	}
	if free := int64(s.Bavail) * s.Bsize; free < size {
		return fmt.Sprintf("%s has %d MB free, want %d", dir, free/1e6, size/1e6)
	}
	if err := marks(dir); err != nil {
		return fmt.Sprintf("%s: %v", dir, err)
	}
	return ""
}

// marks is an error where files below dir can't have extended attributes, in
// which versitygw keeps what it knows of an object.
func marks(dir string) (err error) {
	f, err := os.CreateTemp(dir, "logstow-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	if err := syscall.Setxattr(f.Name(), "user.logstow", []byte("x"), 0); err != nil {
		return fmt.Errorf("files have no extended attributes: %w", err)
	}
	return nil
}

// freeBytes is how much may be written below dir.
func freeBytes(dir string) (int64, error) {
	var s syscall.Statfs_t
	err := syscall.Statfs(dir, &s)
	return int64(s.Bavail) * s.Bsize, err
}
