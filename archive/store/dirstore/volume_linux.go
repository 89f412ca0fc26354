package dirstore

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// openVolume opens the file system of a store, for syncVolume. It is
// errors.ErrUnsupported where syncVolume would not tell of every error.
func openVolume(root, temp string) (*os.File, error) {
	f, err := os.Open(temp)
	if err != nil {
		return nil, err
	}
	if err := reliable(f, root); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func reliable(temp *os.File, root string) error {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return fmt.Errorf("ask for the kernel's version: %w", err)
	}
	if release := unix.ByteSliceToString(name.Release[:]); !syncsTell(release) {
		return fmt.Errorf("syncs of a file system on Linux %s: %w", release, errors.ErrUnsupported)
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(temp.Fd()), &fs); err != nil {
		return fmt.Errorf("ask for the file system of %s: %w", temp.Name(), err)
	}
	switch uint32(fs.Type) { //nolint:gosec // its width depends on the machine
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC:
	default:
		return fmt.Errorf("syncs of a file system of type %#x: %w", fs.Type, errors.ErrUnsupported)
	}
	var of, at unix.Stat_t
	if err := errors.Join(unix.Fstat(int(temp.Fd()), &of), unix.Stat(root, &at)); err != nil {
		return fmt.Errorf("ask for the file systems of %s and %s: %w", root, temp.Name(), err)
	}
	if of.Dev != at.Dev {
		return fmt.Errorf("one sync for %s and %s, on two file systems: %w", root, temp.Name(), errors.ErrUnsupported)
	}
	return nil
}

// syncsTell tells whether a kernel's syncfs returns the errors of writing
// files back, which it does from 5.8 on, and those of a file system's journal,
// from 5.17 on.
func syncsTell(release string) bool {
	major, rest, _ := strings.Cut(release, ".")
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	x, errX := strconv.Atoi(major)
	y, errY := strconv.Atoi(rest[:end])
	return errX == nil && errY == nil && (x > 5 || x == 5 && y >= 17)
}

// syncVolume makes everything on a file system durable that was written to it
// before. It is not repeated when it was interrupted, since it may have told
// of an error that way.
func syncVolume(f *os.File) error {
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return os.NewSyscallError("syncfs", err)
	}
	return nil
}
