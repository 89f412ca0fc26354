package dirstore_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"logstow/archive/store"
	"logstow/archive/store/dirstore"
)

// heldDisk lets a test decide when a sync of the file system ends, and how.
type heldDisk struct {
	*powerDisk
	began atomic.Int32
	end   chan error
	files chan struct{} // closed: fsyncs of files end
}

func (d *heldDisk) SyncFile(f *os.File) error {
	<-d.files
	return d.powerDisk.SyncFile(f)
}

func (d *heldDisk) SyncVolume(f *os.File) error {
	d.began.Add(1)
	return errors.Join(d.powerDisk.SyncVolume(f), <-d.end)
}

// TestFailedSyncFailsAll lets one sync of the file system fail, the one of what
// was written or the one of the names: every Put that was under way fails, and
// no later sync makes up for it.
func TestFailedSyncFailsAll(t *testing.T) {
	for _, test := range []struct {
		what string
		good int // syncs before the one that fails
	}{
		{"the sync of what the first wrote", 0},
		{"the sync of what the others wrote", 1},
		{"the sync of names", 2},
	} {
		t.Run(test.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { failSync(t, test.good) })
		})
	}
}

const (
	alone    = dirstore.BurstFrom - 1 // Puts that come too early to share
	together = 12
)

func newHeldDisk(t *testing.T) (s *dirstore.Store, d *heldDisk, root string) {
	root = t.TempDir()
	if err := os.Mkdir(filepath.Join(root, dirstore.TempDir), 0o750); err != nil {
		t.Fatal(err)
	}
	s = open(t, root)
	d = &heldDisk{powerDisk: newPowerDisk(t, root), end: make(chan error), files: make(chan struct{})}
	dirstore.Use(s, d)
	dirstore.ShareAlways(s)
	return s, d, root
}

func failSync(t *testing.T, good int) {
	s, d, root := newHeldDisk(t)
	errs, ended := make([]error, alone+together), make([]atomic.Bool, alone+together)
	var group sync.WaitGroup
	put := func(i int) {
		group.Go(func() {
			errs[i] = s.Put(t.Context(), fmt.Sprintf("u/%d", i), store.Bytes([]byte("x")), store.PutOptions{IfAbsent: true})
			ended[i].Store(true)
		})
		synctest.Wait()
	}
	for i := range errs {
		put(i)
	}
	slow := slowBody{make(chan struct{})}
	var slowErr error
	group.Go(func() {
		slowErr = s.Put(t.Context(), "u/slow", slow.body(), store.PutOptions{IfAbsent: true})
	})
	synctest.Wait()
	for range good {
		d.end <- nil
		synctest.Wait()
	}
	early := make([]bool, len(errs))
	for i := range ended {
		early[i] = ended[i].Load()
	}
	if got := count(early); got > 1 {
		t.Errorf("%d Puts ended before the sync that fails, want the first at most", got)
	}
	d.end <- syscall.EIO
	synctest.Wait()
	close(d.files)
	synctest.Wait()
	close(d.end)
	time.Sleep(time.Minute) // until they share syncs again
	began, ready := int(d.began.Load()), make(chan struct{})
	var later errgroup.Group
	for i := range errs {
		later.Go(func() error {
			return s.Put(t.Context(), fmt.Sprintf("u/later%d", i), slowBody{ready}.body(), store.PutOptions{IfAbsent: true})
		})
	}
	synctest.Wait()
	close(ready)
	if err := later.Wait(); err != nil {
		t.Errorf("a Put that began after the sync that failed = %v", err)
	}
	if int(d.began.Load()) == began {
		t.Error("Puts that began a minute after the sync that failed share none")
	}
	close(slow.ready)
	group.Wait()
	if !errors.Is(slowErr, syscall.EIO) {
		t.Errorf("a Put that began before the sync that failed, and had not written yet = %v, want its error", slowErr)
	}
	if began != good+1 {
		t.Errorf("%d syncs of the file system, want none after number %d, which fails", began, good+1)
	}
	for i, err := range errs {
		switch {
		case (i < alone || early[i]) && err != nil:
			t.Errorf("Put %d, which does not share the sync that fails = %v", i, err)
		case i < alone || early[i]:
		case !errors.Is(err, syscall.EIO):
			t.Errorf("Put %d, which shares the sync that fails = %v, want its error", i, err)
		case !errors.Is(err, store.ErrUnavailable):
			t.Errorf("Put %d = %v, want store.ErrUnavailable", i, err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(root, dirstore.TempDir))
	if err != nil || len(entries) != 0 {
		t.Errorf("%s holds %v, %v afterwards; want nothing", dirstore.TempDir, entries, err)
	}
}

// slowBody is a byte that is long in coming.
type slowBody struct{ ready chan struct{} }

func (b slowBody) body() store.Body {
	return store.Body{ReaderAt: b, Size: 1, CRC32C: store.Bytes([]byte{0}).CRC32C}
}

func (b slowBody) ReadAt(p []byte, _ int64) (int, error) {
	<-b.ready
	return copy(p, "\x00"), nil
}

func count(set []bool) (n int) {
	for _, is := range set {
		if is {
			n++
		}
	}
	return n
}

// TestErrorBeforeSync loses what a Put wrote before any sync was asked for: the
// sync that comes then tells.
func TestErrorBeforeSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, _ := newHeldDisk(t)
		close(d.end)
		ready := make(chan struct{})
		var others errgroup.Group
		for i := range alone {
			others.Go(func() error {
				return s.Put(t.Context(), fmt.Sprintf("u/%d", i), store.Bytes([]byte("x")), store.PutOptions{IfAbsent: true})
			})
		}
		synctest.Wait()
		content := []byte(strings.Repeat("y", 65<<10)) // in two pieces
		body := store.Bytes(content)
		body.Memory, body.ReaderAt = nil, lateReader{body.ReaderAt, ready}
		result := make(chan error, 1)
		go func() { result <- s.Put(t.Context(), "u/large", body, store.PutOptions{IfAbsent: true}) }()
		synctest.Wait()
		d.loseAll()
		close(ready)
		if err := <-result; !errors.Is(err, syscall.EIO) || d.began.Load() != 1 {
			t.Errorf("Put = %v after %d syncs of the file system, want the error of the first", err, d.began.Load())
		}
		close(d.files)
		if err := others.Wait(); !errors.Is(err, syscall.EIO) {
			t.Errorf("Puts that share no sync, and lost what they wrote too = %v", err)
		}
	})
}

// lateReader holds back all but the beginning.
type lateReader struct {
	io.ReaderAt
	ready chan struct{}
}

func (r lateReader) ReadAt(p []byte, at int64) (int, error) {
	if at > 0 {
		<-r.ready
	}
	return r.ReaderAt.ReadAt(p, at)
}
