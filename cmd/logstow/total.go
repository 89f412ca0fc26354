package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"logstow/archive"
	"logstow/archive/source/filesource"
)

// bytesOf is how many bytes there are in the sources, for telling how long
// reading takes: 0 where that can't be told, because one is a stream or looks
// compressed.
func bytesOf(inputs []archive.Input) int64 {
	var total int64
	for _, in := range inputs {
		path := in.Source.Name()
		matches := []string{path}
		if _, err := os.Stat(path); err != nil {
			matches, _ = filepath.Glob(path) // a bad pattern is refused where it is read
		}
		if path == filesource.Stdin {
			return 0
		}
		for _, match := range matches {
			n, ok := bytesBelow(match)
			if !ok {
				return 0
			}
			total += n
		}
	}
	return total
}

// bytesBelow is the size of a file, or of all files below a folder.
func bytesBelow(path string) (total int64, ok bool) {
	err := filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch strings.ToLower(filepath.Ext(path)) {
		case ".gz", ".zst", ".zstd":
			return fs.ErrInvalid
		}
		info, err := os.Stat(path)
		if err == nil && !info.IsDir() {
			if !info.Mode().IsRegular() {
				return fs.ErrInvalid
			}
			total += info.Size()
		}
		return err
	})
	return total, err == nil
}
