package dirstore_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
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
	for seed := first; seed < first+8; seed++ {
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
	p.disk.pause = func() { time.Sleep(time.Duration(p.upTo(400)) * time.Millisecond) }
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
		body := store.Bytes([]byte(content))
		if p.upTo(3) == 0 {
			content += strings.Repeat(".", 64<<10)
			body = store.Bytes([]byte(content))
			body.Memory, body.ReaderAt = nil, slowReader{body.ReaderAt, p.disk.pause}
		}
		err := p.Put(t.Context(), key, body, store.PutOptions{IfAbsent: true})
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

// slowReader lets others run before each piece.
type slowReader struct {
	io.ReaderAt
	pause func()
}

func (r slowReader) ReadAt(p []byte, at int64) (int, error) {
	r.pause()
	return r.ReaderAt.ReadAt(p, at)
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
		case <-time.After(time.Duration(p.upTo(3000)) * time.Millisecond):
			p.disk.loseAll()
		}
	}
}
