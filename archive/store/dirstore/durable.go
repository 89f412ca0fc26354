package dirstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Modes of what is created, before the umask: job logs are nobody else's
// business.
const (
	dirMode  = 0o750
	fileMode = 0o640
)

// disk is what a power cut makes a difference to, beside the syncs of
// directories and of the file system.
type disk struct {
	syncFile     func(*os.File) error
	link, rename func(from, to string) error
}

// makeDir creates a directory below the root and the parents it lacks, which
// settle makes durable.
func (s *Store) makeDir(dir string) error {
	if len(dir) <= len(s.root) {
		return s.makeRoot(dir)
	}
	err := os.Mkdir(dir, dirMode)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.makeDir(filepath.Dir(dir)); err != nil {
			return err
		}
		err = os.Mkdir(dir, dirMode)
	}
	switch {
	case err == nil:
		s.settled.forget(dir)
		return nil
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("another key is a folder of this one: %w", fs.ErrInvalid)
	case errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist):
		return nil // somebody else made it or took its parent away: the caller tries again
	}
	return translate(err)
}

// makeRoot creates the root, or what is just below or above it, with the
// parents it lacks. A directory is made only when all that leads to it is
// durable, so whoever finds TempDir need not look above it.
func (s *Store) makeRoot(dir string) error {
	parent := filepath.Dir(dir)
	if parent == dir {
		return nil
	}
	if _, err := os.Stat(parent); missing(err) {
		if err := s.makeRoot(parent); err != nil {
			return err
		}
	} else if err := s.syncs.sync(filepath.Dir(parent)); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err // somebody else may have made the parent a moment ago
	}
	if err := os.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return translate(err)
	}
	return s.syncs.sync(parent)
}

// settle makes the names in a directory durable, and the directory's own name
// in its parent, and so on up to the root. It is for after a name was added or
// removed.
func (s *Store) settle(dir string) error {
	generation := s.settled.generation()
	var fresh []string
	for d := dir; len(d) > len(s.root) && !s.settled.has(d); d = filepath.Dir(d) {
		fresh = append(fresh, d)
		// Parents first: they are shared by more Puts, and what the file
		// system's journal writes for them mostly covers dir as well.
		if err := s.syncs.sync(filepath.Dir(d)); err != nil {
			return err
		}
	}
	if err := s.syncs.sync(dir); err != nil {
		return err
	}
	s.settled.add(generation, fresh)
	return nil
}

// settled is the set of directories whose names are known to be durable.
type settled struct {
	mu      sync.Mutex
	dirs    map[string]bool // guarded by mu
	removed uint64          // guarded by mu; how often remove removed one
}

// maxSettled bounds the memory of the set; when it is full it starts again,
// which costs a few more fsyncs.
const maxSettled = 4096

func (s *settled) has(dir string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dirs[dir]
}

func (s *settled) generation() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.removed
}

// add adds directories unless some directory was removed since generation:
// it might be one of these, made anew.
func (s *settled) add(generation uint64, dirs []string) {
	if len(dirs) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.removed != generation {
		return
	}
	if s.dirs == nil || len(s.dirs)+len(dirs) > maxSettled {
		s.dirs = map[string]bool{}
	}
	for _, dir := range dirs {
		s.dirs[dir] = true
	}
}

func (s *settled) forget(dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.dirs, dir)
}

// remove removes a directory if it is empty, and tells whether it was.
func (s *settled) remove(dir string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Not os.Remove: that would also remove a file of the same name.
	if err := syscall.Rmdir(dir); err != nil {
		return false
	}
	delete(s.dirs, dir)
	s.removed++
	return true
}

// syncGroup lets concurrent callers share the fsyncs of a directory.
type syncGroup struct {
	syncDir func(dir string) error

	mu   sync.Mutex
	dirs map[string]*syncQueue // guarded by mu
}

type syncQueue struct {
	users int           // guarded by the group's mu
	next  *syncRound    // guarded by the group's mu: one that has not begun
	turn  chan struct{} // holds one element, which a round takes out
}

type syncRound struct {
	done chan struct{}
	err  error // set before done is closed
}

// sync returns once an fsync of dir that began after the call has ended.
func (g *syncGroup) sync(dir string) error {
	g.mu.Lock()
	q := g.dirs[dir]
	if q == nil {
		q = &syncQueue{turn: make(chan struct{}, 1)}
		q.turn <- struct{}{}
		if g.dirs == nil {
			g.dirs = map[string]*syncQueue{}
		}
		g.dirs[dir] = q
	}
	q.users++
	round := q.next
	leads := round == nil
	if leads {
		round = &syncRound{done: make(chan struct{})}
		q.next = round
	}
	g.mu.Unlock()

	if leads {
		g.lead(q, dir)
	}
	<-round.done

	g.mu.Lock()
	defer g.mu.Unlock()
	if q.users--; q.users == 0 {
		delete(g.dirs, dir)
	}
	return round.err
}

// lead runs the next round of a queue when the present one is over.
func (g *syncGroup) lead(q *syncQueue, dir string) {
	<-q.turn
	defer func() { q.turn <- struct{}{} }()
	g.mu.Lock()
	round := q.next
	q.next = nil // whoever comes from here on needs another
	g.mu.Unlock()
	round.err = g.syncDir(dir)
	close(round.done)
}

// syncDir makes the names in a directory durable. One that is gone has none.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if missing(err) {
		return nil
	}
	if err != nil {
		return translate(err)
	}
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil // the file system has no such thing and needs none
	}
	return translate(errors.Join(err, f.Close()))
}
