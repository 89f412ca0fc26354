package main

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
)

// treeLoop is the part of bench that only writes files: every record at its
// key, made as durable as logstow makes it (temporary file, fsync, link,
// unlink, fsync of the directory and of the parent of each one created), and
// nothing else.
func treeLoop(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("tree-loop", flag.ContinueOnError)
	root := flags.String("root", "", "where the tree goes")
	records := flags.String("records", "", "the corpus")
	index := flags.String("index", "", "of the corpus")
	workers := flags.Int("workers", 32, "files at a time")
	if err := flags.Parse(args); err != nil {
		return err
	}
	temp := filepath.Join(*root, ".tmp")
	if err := os.MkdirAll(temp, 0o750); err != nil {
		return err
	}
	var next atomic.Int64
	return eachRecord(ctx, *records, *index, *workers, func() func(context.Context, string, []byte) error {
		name := filepath.Join(temp, strconv.FormatInt(next.Add(1), 10))
		return func(_ context.Context, key string, data []byte) error {
			return place(name, filepath.Join(*root, key), data)
		}
	})
}

// place writes a file to path by way of temp.
func place(temp, path string, data []byte) error {
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	err = os.Link(temp, path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeDir(dir); err != nil {
			return err
		}
		err = os.Link(temp, path)
	}
	if err != nil {
		return err
	}
	if err := os.Remove(temp); err != nil {
		return err
	}
	return syncDir(dir)
}

// makeDir makes a directory and its parents, each durable in its own.
func makeDir(dir string) error {
	err := os.Mkdir(dir, 0o750)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeDir(filepath.Dir(dir)); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o750)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil // another worker's, who makes it durable
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
