package dirstore_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
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

// TestPowerCutTakesNothing puts, replaces and deletes at random, while syncs
// fail and what was written is lost without one. Whatever a Put has answered
// for would be there after a power cut.
func TestPowerCutTakesNothing(t *testing.T) {
	first := rand.Uint64()
	t.Logf("seeds from %d", first)
	volumes, put := 0, 0
	for seed := first; seed < first+10; seed++ {
		synctest.Test(t, func(t *testing.T) {
			p := newPowerRun(t, seed)
			var writers, others errgroup.Group
			for worker := range 24 {
				writers.Go(func() error { return p.write(t, worker) })
			}
			writers.Go(func() error { return p.replace(t) })
			done := make(chan struct{})
			others.Go(func() error { return p.lose(done) })
			err := writers.Wait()
			close(done)
			if err := errors.Join(err, others.Wait()); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
			for key, content := range p.acked {
				if err := p.survives(key, content); err != nil {
					t.Errorf("seed %d, at the end: %v", seed, err)
				}
			}
			volumes += p.disk.volumes
			put += len(p.acked)
		})
	}
	if volumes == 0 || put == 0 {
		t.Errorf("%d syncs of the file system and %d Puts that succeeded, want some", volumes, put)
	}
}

// powerRun is a store on a powerDisk and what it has answered for.
type powerRun struct {
	*dirstore.Store
	disk *powerDisk
	root string

	mu    sync.Mutex
	rng   *rand.Rand        // guarded by mu
	acked map[string]string // guarded by mu; contents by key
}

func newPowerRun(t *testing.T, seed uint64) *powerRun {
	base := t.TempDir()
	p := &powerRun{
		root:  filepath.Join(base, "deep", "root"),
		disk:  newPowerDisk(t, base),
		rng:   rand.New(rand.NewPCG(seed, 0)), //nolint:gosec // repeatable
		acked: map[string]string{},
	}
	p.disk.pause = func() { time.Sleep(time.Duration(p.upTo(1000)) * time.Microsecond) }
	p.disk.fails = func() bool { return p.upTo(40) == 0 }
	p.Store = open(t, p.root)
	dirstore.Use(p.Store, p.disk)
	dirstore.ShareAlways(p.Store)
	return p
}

func (p *powerRun) upTo(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rng.IntN(n)
}

// survives tells whether a power cut would leave an object, with this content
// unless that is empty.
func (p *powerRun) survives(key, content string) error {
	got, err := p.disk.read(filepath.Join(p.root, key))
	switch {
	case err != nil:
		return err
	case content != "" && got != content:
		return fmt.Errorf("%s holds %.60q after a power cut, want %.60q", key, got, content)
	case !strings.HasPrefix(got, key+" ") || !strings.HasSuffix(got, "."):
		return fmt.Errorf("%s holds %.60q after a power cut, want one of the contents that were put", key, got)
	}
	return nil
}

// write puts objects if absent, some of which others put too.
func (p *powerRun) write(t *testing.T, worker int) error {
	for i := range 6 {
		key := fmt.Sprintf("u/jobs/%d/%d/f%d", p.upTo(3), p.upTo(6), p.upTo(4))
		content := fmt.Sprintf("%s by %d the %dth.", key, worker, i)
		err := p.Put(t.Context(), key, store.Bytes([]byte(content)), store.PutOptions{IfAbsent: true})
		switch {
		case errors.Is(err, fs.ErrExist):
			err = p.survives(key, "")
		case errors.Is(err, syscall.EIO):
			continue
		case err == nil:
			err = p.survives(key, content)
			p.mu.Lock()
			p.acked[key] = content
			p.mu.Unlock()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// replace replaces and removes objects in folders that others put into.
func (p *powerRun) replace(t *testing.T) error {
	for i := range 24 {
		key := fmt.Sprintf("u/jobs/%d/%d/changing", p.upTo(3), p.upTo(6))
		content := fmt.Sprintf("%s the %dth.", key, i)
		err := p.Put(t.Context(), key, store.Bytes([]byte(content)), store.PutOptions{})
		if err == nil {
			err = p.survives(key, content)
		}
		if err == nil && p.upTo(2) == 0 {
			err = p.Delete(t.Context(), key)
		}
		if err != nil && !errors.Is(err, syscall.EIO) {
			return err
		}
	}
	return nil
}

// lose loses what was written and not synced, now and then.
func (p *powerRun) lose(done <-chan struct{}) error {
	for {
		select {
		case <-done:
			return nil
		case <-time.After(time.Duration(p.upTo(5000)) * time.Microsecond):
			p.disk.loseAll()
		}
	}
}

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

func failSync(t *testing.T, good int) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, dirstore.TempDir), 0o750); err != nil {
		t.Fatal(err)
	}
	s := open(t, root)
	d := &heldDisk{powerDisk: newPowerDisk(t, root), end: make(chan error), files: make(chan struct{})}
	dirstore.Use(s, d)
	dirstore.ShareAlways(s)
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
