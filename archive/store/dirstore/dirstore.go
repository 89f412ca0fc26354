// Package dirstore keeps a store's objects as files in a directory.
//
// A key is the file's path below the directory. One folder there is not made
// of keys: TempDir holds files that are being written, and a lock. Several
// processes may use the same directory at once, on a file system that has
// hard links, atomic renames and flock.
//
// An object's ETag is its modification time and size. Every write sets that
// time to the nanosecond, later than that of the file it replaces.
package dirstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"logstow/archive/store"
)

// TempDir is the folder below the store's directory where files are written
// before they get their key. No key may begin with it and List never shows it;
// layout can't make such a key, since it encodes the tilde.
const TempDir = ".tmp~"

// maxSegment is the longest name that common file systems take.
const maxSegment = 255

// Store keeps objects in a directory.
type Store struct {
	root string // absolute
	temp string // root/TempDir

	settled settled
	syncs   syncGroup
	bursts  bursts
	disk    disk

	changes sync.Mutex   // held by whatever replaces or removes an object
	swept   atomic.Int64 // when what dead processes left in temp was last looked for, Unix nanoseconds
}

// Open returns the store in dir. The directory is created by the first Put; a
// store that is only read from need not exist and is empty.
func Open(dir string) (*Store, error) {
	if dir == "" {
		return nil, fmt.Errorf("open a directory as a store: no name given: %w", fs.ErrInvalid)
	}
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open %s as a store: %w", dir, err)
	}
	switch info, err := os.Stat(root); {
	case err == nil && !info.IsDir():
		return nil, fmt.Errorf("open %s as a store: it is not a directory: %w", dir, fs.ErrInvalid)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("open %s as a store: %w", dir, translate(err))
	}
	return &Store{
		root:   root,
		temp:   filepath.Join(root, TempDir),
		syncs:  syncGroup{syncDir: syncDir},
		bursts: bursts{open: openVolume, sync: syncVolume},
		disk:   disk{syncFile: (*os.File).Sync, link: os.Link, rename: os.Rename},
	}, nil
}

// path returns the file of a key, or why there can't be one.
func (s *Store) path(key string) (string, error) {
	if err := store.CheckKey(key); err != nil {
		return "", err
	}
	first := true
	for segment := range strings.SplitSeq(key, "/") {
		if len(segment) > maxSegment {
			return "", fmt.Errorf("key %.200q: a segment of %d bytes, more than a file's name may have (%d): %w",
				key, len(segment), maxSegment, fs.ErrInvalid)
		}
		if first && segment == TempDir {
			return "", fmt.Errorf("key %.200q: %s is where this store keeps its temporary files: %w", key, TempDir, fs.ErrInvalid)
		}
		first = false
	}
	return s.root + "/" + key, nil
}

// info describes the file of a key.
func info(key string, fi fs.FileInfo) store.Info {
	return store.Info{Key: key, Size: fi.Size(), ModTime: fi.ModTime().UTC(), ETag: etag(fi)}
}

func etag(fi fs.FileInfo) string {
	return strconv.FormatInt(fi.ModTime().UnixNano(), 16) + "-" + strconv.FormatInt(fi.Size(), 16)
}

// missing tells whether an error of the file system says that no such object
// is there, which is also so when a part of its path is a file.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// translate turns an error of the file system into one of package store.
func translate(err error) error {
	is := func(targets ...error) bool {
		for _, target := range targets {
			if errors.Is(err, target) {
				return true
			}
		}
		return false
	}
	switch {
	case err == nil:
		return nil
	case is(syscall.EROFS):
		return fmt.Errorf("%w: %w, %w: the file system is mounted read-only", err, store.ErrRefused, fs.ErrPermission)
	case is(fs.ErrPermission):
		return fmt.Errorf("%w: %w: give this user the right to the directory", err, store.ErrRefused)
	case is(syscall.ENOSPC, syscall.EDQUOT):
		return fmt.Errorf("%w: %w: make room and run again", err, store.ErrUnavailable)
	case is(syscall.EMFILE, syscall.ENFILE):
		return fmt.Errorf("%w: %w: raise the limit of open files or lower the concurrency", err, store.ErrUnavailable)
	case is(syscall.EIO, syscall.ESTALE, syscall.ETIMEDOUT, syscall.EHOSTDOWN, syscall.ENODEV):
		return fmt.Errorf("%w: %w: the file system does not answer as it should", err, store.ErrUnavailable)
	case is(syscall.ENAMETOOLONG):
		return fmt.Errorf("%w: %w", err, fs.ErrInvalid)
	}
	return err
}
