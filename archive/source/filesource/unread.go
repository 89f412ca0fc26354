package filesource

import (
	"errors"
	"fmt"
	"io/fs"
)

// unread says that what is at a path can't be read, and why. It names the path
// once, and remains an fs.PathError where it was one.
func unread(path string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok && e.Path == path && err == error(e) { //nolint:errorlint // what wraps it says more
		return &fs.PathError{Op: "read", Path: path, Err: e.Err}
	}
	return fmt.Errorf("read %s: %w", path, err)
}
