package filesource

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// found is a part, or why a path is none.
type found struct {
	path   string
	stream bool // not a regular file: it can only be read once
	err    error
}

// find lists the parts of a path in lexical order.
func find(path string) ([]found, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return inOrder(walk(path)), nil
	case err == nil:
		return []found{{path: path, stream: !info.Mode().IsRegular()}}, nil
	case !errors.Is(err, fs.ErrNotExist) || !strings.ContainsAny(path, `*?[`):
		return nil, err
	}
	matches, err := filepath.Glob(path)
	if err != nil {
		return nil, err
	}
	if len(matches) == 0 {
		return nil, fmt.Errorf("no file matches: %w", fs.ErrNotExist)
	}
	var parts []found
	for _, m := range matches {
		parts = append(parts, look(m, true)...)
	}
	return inOrder(parts), nil
}

func inOrder(parts []found) []found {
	slices.SortFunc(parts, func(a, b found) int { return strings.Compare(a.path, b.path) })
	return slices.CompactFunc(parts, func(a, b found) bool { return a.path == b.path })
}

// walk lists what is below dir. Hidden files and directories are left out, and
// directories are not entered through symbolic links.
func walk(dir string) []found {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return []found{{path: dir, err: err}}
	}
	var parts []found
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		switch {
		case e.IsDir():
			parts = append(parts, walk(path)...)
		case e.Type().IsRegular():
			parts = append(parts, found{path: path})
		default:
			parts = append(parts, look(path, false)...)
		}
	}
	return parts
}

// look sees what path, which may be a symbolic link, is.
func look(path string, enter bool) []found {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return []found{{path: path, err: err}}
	case info.IsDir() && enter:
		return walk(path)
	case info.IsDir():
		return nil
	case !info.Mode().IsRegular():
		return []found{{path: path, err: fmt.Errorf("it is not a regular file (%s)", kind(info.Mode()))}}
	}
	return []found{{path: path}}
}

func kind(m fs.FileMode) string {
	switch {
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return m.String()
}
