package dirstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"os"
	"slices"
	"strings"

	"logstow/archive/store"
)

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key string, part store.Range) (io.ReadCloser, store.Info, error) {
	f, fi, err := s.open(ctx, key, part)
	if err != nil {
		return nil, store.Info{}, fmt.Errorf("get %s: %w", key, err)
	}
	length := part.Length
	if length == 0 {
		length = math.MaxInt64 - part.Offset
	}
	return &reader{section: io.NewSectionReader(f, part.Offset, length), file: f}, info(key, fi), nil
}

// open opens the file of a key. What is not a regular file is not there.
func (s *Store) open(ctx context.Context, key string, part store.Range) (*os.File, fs.FileInfo, error) {
	if err := store.CheckRange(part); err != nil {
		return nil, nil, err
	}
	if _, err := s.stat(ctx, key); err != nil { // opening a pipe would wait
		return nil, nil, err
	}
	f, err := os.Open(s.root + "/" + key)
	if missing(err) {
		return nil, nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, nil, translate(err)
	}
	// It may have been replaced since; what was opened is what counts.
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, nil, errors.Join(translate(err), f.Close())
	}
	return f, fi, nil
}

// reader reads a part of a file.
type reader struct {
	section *io.SectionReader
	file    *os.File
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.section.Read(p)
	if err != nil && err != io.EOF {
		err = translate(err)
	}
	return n, err
}

func (r *reader) Close() error { return r.file.Close() }

// Stat implements store.Store.
func (s *Store) Stat(ctx context.Context, key string) (store.Info, error) {
	fi, err := s.stat(ctx, key)
	if err != nil {
		return store.Info{}, fmt.Errorf("stat %s: %w", key, err)
	}
	return info(key, fi), nil
}

func (s *Store) stat(ctx context.Context, key string) (fs.FileInfo, error) {
	path, err := s.path(key)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	fi, err := os.Stat(path)
	if missing(err) || err == nil && !fi.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	return fi, translate(err)
}

// List implements store.Store. It holds the names of the folders on the path
// to the present key, not of the whole tree. It does not follow symbolic links
// to folders.
func (s *Store) List(ctx context.Context, opts store.ListOptions) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) {
		l := lister{Store: s, ListOptions: opts, yield: yield}
		folder := opts.Prefix[:strings.LastIndexByte(opts.Prefix, '/')+1]
		if folder != "" {
			if _, err := s.path(strings.TrimSuffix(folder, "/")); err != nil {
				folder, l.stopped = "", true // no key begins like this
			}
		}
		if err := l.walk(ctx, folder); err != nil && !l.stopped {
			yield(store.Info{}, fmt.Errorf("list %q: %w", opts.Prefix, err))
		}
	}
}

type lister struct {
	*Store
	store.ListOptions
	yield   func(store.Info, error) bool
	stopped bool // nothing more is to be yielded
}

// walk yields what is below a folder, which is "" or ends in a slash.
func (l *lister) walk(ctx context.Context, folder string) error {
	if l.stopped {
		return nil
	}
	names, err := l.names(ctx, folder)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if strings.HasSuffix(name, "/") {
			err = l.walk(ctx, folder+name)
		} else {
			err = l.visit(folder + name)
		}
		if err != nil || l.stopped {
			return err
		}
	}
	return ctx.Err()
}

// visit yields one file, unless it was removed meanwhile or is no object.
func (l *lister) visit(key string) error {
	fi, err := os.Stat(l.root + "/" + key)
	if missing(err) || err == nil && !fi.Mode().IsRegular() {
		return nil
	}
	if err != nil {
		return translate(err)
	}
	if !l.yield(info(key, fi), nil) {
		l.stopped = true
	}
	return nil
}

// names returns what is in a folder and of interest, in the order of the keys:
// that is the order of the names once those of folders end in a slash.
func (l *lister) names(ctx context.Context, folder string) ([]string, error) {
	f, err := os.Open(l.root + "/" + folder)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, translate(err)
	}
	defer f.Close()
	var names []string
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		entries, err := f.ReadDir(1024)
		for _, entry := range entries {
			name := entry.Name()
			if entry.IsDir() {
				name += "/"
			}
			if l.wanted(folder + name) {
				names = append(names, name)
			}
		}
		if err == io.EOF || missing(err) {
			slices.Sort(names)
			return names, nil
		}
		if err != nil {
			return nil, translate(err)
		}
	}
}

// wanted tells whether a key, or a key below a folder, may be one to yield.
func (l *lister) wanted(name string) bool {
	if !strings.HasSuffix(name, "/") {
		return strings.HasPrefix(name, l.Prefix) && name > l.After
	}
	return name != TempDir+"/" &&
		(strings.HasPrefix(name, l.Prefix) || strings.HasPrefix(l.Prefix, name)) &&
		(name > l.After || strings.HasPrefix(l.After, name))
}
