//go:build !linux

package dirstore

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

// openVolume is errors.ErrUnsupported: no sync of a whole file system tells of
// its errors here.
func openVolume(string, string) (*os.File, error) {
	return nil, fmt.Errorf("syncs of a file system on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

// syncVolume is never called, since nothing is opened for it.
func syncVolume(*os.File) error { return errors.ErrUnsupported }
