package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/export"
)

// target is where an export is downloaded to.
type target struct {
	path  string    // empty: there is no file
	flag  string    // that names path on the command line; empty: none does
	force bool      // replace what is there
	temp  *os.File  // beside path, until it has everything
	out   io.Writer // instead of a file; nil: none

	may func(ctx context.Context) error // asked right before the file appears; nil: it may
}

// newTarget checks where the options want the file to go, and makes a
// temporary one there, so that nothing is made that can't be kept.
func newTarget(stdout io.Writer, o exportOptions) (target, error) {
	switch o.output {
	case "":
		return target{}, nil
	case "-":
		return target{out: stdout}, nil
	}
	return openTarget(target{path: o.output, flag: "--output", force: o.force})
}

// openTarget makes the temporary file of a target.
func openTarget(t target) (target, error) {
	if err := t.free(); err != nil {
		return target{}, err
	}
	var err error
	t.temp, err = os.CreateTemp(filepath.Dir(t.path), "."+filepath.Base(t.path)+".*.part")
	if err != nil {
		return target{}, t.refuse(err)
	}
	return t, nil
}

// free tells whether a file may be put there.
func (t target) free() error {
	info, err := os.Lstat(t.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return t.refuse(err)
	case !info.Mode().IsRegular():
		return t.refuse(errors.New("it is not a regular file"))
	case !t.force:
		return t.refuse(errors.New("it is there already: say --force to replace it"))
	default:
		return nil
	}
}

// refuse says that path can't be written, which is a mistake in the command line
// where it was named there.
func (t target) refuse(err error) error {
	if t.flag != "" {
		return usagef("%s %s: %w", t.flag, t.path, err)
	}
	return fmt.Errorf("%s: %w", t.path, err)
}

// wanted tells whether anything is to be downloaded.
func (t target) wanted() bool { return t.path != "" || t.out != nil }

// fill downloads an export. A file appears when it has everything and its hash
// is right; on standard output that can only be told afterwards.
func (t target) fill(ctx context.Context, s store.Store, e ledger.Export) error {
	if t.out != nil {
		return download(ctx, s, t.out, e)
	}
	if err := download(ctx, s, t.temp, e); err != nil {
		return err
	}
	if err := errors.Join(t.temp.Sync(), t.temp.Close()); err != nil {
		return err
	}
	if err := t.free(); err != nil {
		return err
	}
	if t.may != nil {
		if err := t.may(ctx); err != nil {
			return err
		}
	}
	if err := os.Rename(t.temp.Name(), t.path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(t.path))
}

// syncFolder waits until the names in a folder are on disk, where its filesystem
// can tell, and we may ask.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, d.Close())
}

// discard closes the temporary file, and removes it unless it has become the
// one that was asked for.
func (t target) discard() error {
	if t.temp == nil {
		return nil
	}
	if err := t.temp.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
		return err
	}
	if err := os.Remove(t.temp.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// download writes the file of an export to w and compares it with its hash.
func download(ctx context.Context, s store.Store, w io.Writer, e ledger.Export) error {
	body, _, err := s.Get(ctx, e.Object, store.Range{})
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w: the file is missing in the store", e.Object, export.ErrDamaged)
	}
	if err != nil {
		return err
	}
	defer body.Close()
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(hash, w), body)
	if err != nil {
		return fmt.Errorf("download %s: %w", e.Object, err)
	}
	if got := ledger.Hash(hash.Sum(nil)); got != e.SHA256 {
		return fmt.Errorf("%s: %w: %d bytes with SHA-256 %s, it was made with %d bytes and %s",
			e.Object, export.ErrDamaged, size, got, e.Size, e.SHA256)
	}
	return nil
}
