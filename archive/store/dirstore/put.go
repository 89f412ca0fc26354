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
	if opts.IfAbsent {
		return s.putAbsent(ctx, path, body)
	}
	temp, err := s.writeTemp(body, nil)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := s.replace(temp, path, opts.IfMatch); err != nil {
		return err
	}
	return s.settle(filepath.Dir(path))
}

// putAbsent puts a file where there is none. Calls that run beside each other
// are made durable together where that costs less: first what all of them
// wrote, then all the names.
func (s *Store) putAbsent(ctx context.Context, path string, body store.Body) error {
	t := s.bursts.join(s.root, s.temp)
	defer s.bursts.leave(t)
	temp, err := s.writeTemp(body, t.burst)
	if err != nil {
		return err
	}
	err = ctx.Err()
	if err == nil {
		err = s.inFolder(path, func() error { return s.disk.link(temp, path) })
	}
	taken := errors.Is(err, fs.ErrExist)
	if taken {
		err = notFolder(path)
	}
	if err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(temp)))
	}
	// A name that is taken is made durable too: another process may have made
	// it and died before that.
	if err := s.commit(temp, filepath.Dir(path), t.burst); err != nil {
		return err
	}
	if taken {
		return fs.ErrExist
	}
	return nil
}

// commit makes the names in a directory durable as settle does, with all of a
// burst unless that is nil, and removes a temporary name in any case.
func (s *Store) commit(temp, dir string, b *burst) error {
	if b == nil {
		if err := ignoreMissing(os.Remove(temp)); err != nil {
			return translate(err)
		}
		return s.settle(dir)
	}
	if err := b.wait(); err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(temp)))
	}
	// ext4 is silent in a sync about a journal that failed before it, when it
	// has nothing more to write there; but then it removes no name either.
	err := os.Remove(temp)
	if errors.Is(err, fs.ErrNotExist) {
		return s.settle(dir)
	}
	return translate(err)
}

// writeTemp writes a body to a new temporary file and makes it durable, with
// all of a burst unless that is nil.
func (s *Store) writeTemp(body store.Body, b *burst) (string, error) {
	f, err := s.createTemp()
	if err != nil {
		return "", err
	}
	err = fill(f, body)
	if err == nil && b == nil {
		err = translate(s.disk.syncFile(f))
	}
	if closeErr := f.Close(); err == nil {
		err = translate(closeErr)
	}
	if err == nil && b != nil {
		err = b.wait()
	}
	if err != nil {
		return "", errors.Join(err, ignoreMissing(os.Remove(f.Name())))
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
		if err := s.makeRoot(s.temp); err != nil {
			return nil, err
		}
	}
}

// buffers are for copying bodies that are not in memory as one piece.
var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// fill writes a body to a file and checks it.
func fill(f *os.File, body store.Body) error {
	var sum uint32
	var err error
	if body.Memory != nil && int64(len(body.Memory)) == body.Size {
		sum = crc32.Checksum(body.Memory, store.Castagnoli)
		_, err = f.Write(body.Memory)
		err = translate(err)
	} else {
		sum, err = copyTo(f, body)
	}
	if err != nil {
		return err
	}
	if sum != body.CRC32C {
		return fmt.Errorf("the body's CRC32C is %08x, not %08x as stated", sum, body.CRC32C)
	}
	return translate(setTime(f, time.Now()))
}

// copyTo writes a body to a file piece by piece and returns its sum.
func copyTo(f *os.File, body store.Body) (uint32, error) {
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
			return 0, fmt.Errorf("read the body at %d of %d bytes: %w", at+int64(n), body.Size, err)
		}
		sum = crc32.Update(sum, store.Castagnoli, chunk)
		if _, err := f.Write(chunk); err != nil {
			return 0, translate(err)
		}
		at += int64(n)
	}
	return sum, nil
}

// notFolder is fs.ErrInvalid if other keys have a path as their folder.
func notFolder(path string) error {
	if fi, err := os.Stat(path); err == nil && fi.IsDir() {
		return fmt.Errorf("other keys have this one as their folder: %w", fs.ErrInvalid)
	}
	return nil
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
			if err := s.laterThan(temp, fi.ModTime()); err != nil {
				return translate(err)
			}
		}
		return s.inFolder(path, func() error { return s.disk.rename(temp, path) })
	})
	if err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(temp)))
	}
	return nil
}

// laterThan sets a file's time after that of the one it will replace, should
// the clock have been set back or stand still.
func (s *Store) laterThan(temp string, old time.Time) error {
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
		err = s.disk.syncFile(f)
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
