package dirstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// lockName is the file in TempDir whose lock lets one process at a time
// replace and remove objects.
const lockName = "lock"

// exclusively runs do while nobody else, in this process or another, replaces
// or removes an object.
func (s *Store) exclusively(do func() error) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	f, err := s.openLock()
	if err != nil {
		return err
	}
	defer f.Close() // this also unlocks it
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("lock %s: %w", f.Name(), translate(err))
		}
		return do()
	}
}

func (s *Store) openLock() (*os.File, error) {
	name := s.temp + "/" + lockName
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, fileMode)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.makeRoot(s.temp); err != nil {
			return nil, err
		}
		f, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE, fileMode)
	}
	return f, translate(err)
}

// abandoned is how long a temporary file has not been written to when its
// process must be dead. Should it live after all, its Put fails, no more.
const abandoned = time.Hour

// sweepTemp removes what processes left behind that died in the middle of a
// Put, unless it has done so lately: what died while this one has been running
// may be what was erased since. Nothing depends on it, so whatever stands in its
// way stays.
func (s *Store) sweepTemp() {
	now, last := time.Now().UnixNano(), s.swept.Load()
	if now-last < int64(abandoned) || !s.swept.CompareAndSwap(last, now) {
		return
	}
	entries, err := os.ReadDir(s.temp)
	if err != nil {
		return
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || entry.Name() == lockName || time.Since(info.ModTime()) < abandoned {
			continue
		}
		_ = os.Remove(s.temp + "/" + entry.Name())
	}
}
