package dirstore

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"logstow/archive/store"
)

// Put implements store.Store. Metadata and ContentType are not kept.
func (s *Store) Put(ctx context.Context, key string, body store.Body, opts store.PutOptions) error {
	if err := s.put(ctx, key, body, opts); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}

func (s *Store) put(ctx context.Context, key string, body store.Body, opts store.PutOptions) error {
	path, err := s.path(key)
	if err != nil {
		return err
	}
	if err := store.CheckPut(body, opts); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.sweepTemp()
	temp, err := s.writeTemp(body)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if opts.IfAbsent {
		err = s.link(temp, path)
	} else {
		err = s.replace(temp, path, opts.IfMatch)
	}
	if err != nil {
		return err
	}
	return s.settle(filepath.Dir(path))
}

// writeTemp writes a body to a new temporary file and makes it durable.
func (s *Store) writeTemp(body store.Body) (string, error) {
	f, err := s.createTemp()
	if err != nil {
		return "", err
	}
	err = fill(f, body)
	if closeErr := f.Close(); err == nil {
		err = translate(closeErr)
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

func (s *Store) createTemp() (*os.File, error) {
	for {
		name := s.temp + "/" + strconv.FormatUint(rand.Uint64(), 36)
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
		switch {
		case err == nil:
			return f, nil
		case errors.Is(err, fs.ErrExist):
			continue
		case !errors.Is(err, fs.ErrNotExist):
			return nil, translate(err)
		}
		if err := s.makeDir(s.temp); err != nil {
			return nil, err
		}
	}
}

// buffers are for copying bodies that are not in memory as one piece.
var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// fill copies a body into a file, checks it, and makes it durable.
func fill(f *os.File, body store.Body) error {
	buf := buffers.Get().(*[64 << 10]byte)
	defer buffers.Put(buf)
	var sum uint32
	for at := int64(0); at < body.Size; {
		chunk := buf[:min(int64(len(buf)), body.Size-at)]
		n, err := body.ReadAt(chunk, at)
		if n < len(chunk) {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("read the body at %d of %d bytes: %w", at+int64(n), body.Size, err)
		}
		sum = crc32.Update(sum, store.Castagnoli, chunk)
		if _, err := f.Write(chunk); err != nil {
			return translate(err)
		}
		at += int64(n)
	}
	if sum != body.CRC32C {
		return fmt.Errorf("the body's CRC32C is %08x, not %08x as stated", sum, body.CRC32C)
	}
	if err := setTime(f, time.Now()); err != nil {
		return translate(err)
	}
	return translate(f.Sync())
}

// link gives a temporary file its key if that is free, and removes its
// temporary name in any case.
func (s *Store) link(temp, path string) error {
	err := s.inFolder(path, func() error { return os.Link(temp, path) })
	if removeErr := os.Remove(temp); err == nil && removeErr != nil && !errors.Is(removeErr, fs.ErrNotExist) {
		err = translate(removeErr)
	}
	if errors.Is(err, fs.ErrExist) {
		return s.exists(path)
	}
	return err
}

// exists says that a key is taken, once what took it is durable: another
// process may have made it and died before that.
func (s *Store) exists(path string) error {
	fi, err := os.Stat(path)
	if err == nil && fi.IsDir() {
		return fmt.Errorf("other keys have this one as their folder: %w", fs.ErrInvalid)
	}
	if err := s.settle(filepath.Dir(path)); err != nil {
		return err
	}
	return fs.ErrExist
}

// replace gives a temporary file its key, whatever was there before (where
// ifMatch is not empty, only if that has this ETag).
func (s *Store) replace(temp, path, ifMatch string) error {
	err := s.exclusively(func() error {
		fi, err := os.Stat(path)
		switch {
		case err == nil && fi.IsDir():
			return fmt.Errorf("other keys have this one as their folder: %w", fs.ErrInvalid)
		case err != nil && !missing(err):
			return translate(err)
		case ifMatch != "" && (err != nil || etag(fi) != ifMatch):
			return store.ErrChanged
		}
		if err == nil {
			if err := laterThan(temp, fi.ModTime()); err != nil {
				return translate(err)
			}
		}
		return s.inFolder(path, func() error { return os.Rename(temp, path) })
	})
	if err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(temp)))
	}
	return nil
}

// laterThan sets a file's time after that of the one it will replace, should
// the clock have been set back or stand still.
func laterThan(temp string, old time.Time) error {
	fi, err := os.Stat(temp)
	if err != nil || fi.ModTime().After(old) {
		return err
	}
	f, err := os.OpenFile(temp, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = setTime(f, old.Add(time.Nanosecond))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func setTime(f *os.File, t time.Time) error {
	return os.Chtimes(f.Name(), t, t)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// patience is how often a folder may be taken away while a file is being put
// into it.
const patience = 1000

// inFolder does something that needs the folder of path, making the folder as
// often as someone takes it away.
func (s *Store) inFolder(path string, do func() error) error {
	for range patience {
		err := do()
		switch {
		case err == nil || errors.Is(err, fs.ErrExist):
			return err
		case errors.Is(err, syscall.ENOTDIR):
			return fmt.Errorf("another key is a folder of this one: %w", fs.ErrInvalid)
		case !errors.Is(err, fs.ErrNotExist):
			return translate(err)
		}
		var link *os.LinkError
		if errors.As(err, &link) {
			if _, err := os.Lstat(link.Old); errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("the temporary file %s was removed: %w", link.Old, store.ErrUnavailable)
			}
		}
		if err := s.makeDir(filepath.Dir(path)); err != nil {
			return err
		}
	}
	return fmt.Errorf("the folder %s can't be made to stay: %w", filepath.Dir(path), store.ErrUnavailable)
}
