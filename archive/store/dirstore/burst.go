package dirstore

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Puts that run beside each other share syncs from this many on; those that
// share them already go on until half as many are left.
const burstFrom = 8

// bursts lets Puts that run beside each other be made durable together, by
// syncs of the whole file system.
//
// It does so on Linux from 5.17 on, on ext4, XFS and btrfs: there such a sync
// tells of every error of writing that came up since its file was opened.
type bursts struct {
	open func(root, temp string) (*os.File, error) // the file system's; errors.ErrUnsupported for good
	sync func(*os.File) error                      // of all the file system

	mu     sync.Mutex
	pace   pace   // guarded by mu
	puts   int    // guarded by mu; under way, in a burst or not
	now    *burst // guarded by mu; nil: none that a Put may join
	unable bool   // guarded by mu; open said so
}

// burst is a run of Puts that overlap in time. Each joins it before it writes
// anything and stays until it has ended, so that no error of writing back what
// it wrote can have been told to somebody else alone.
type burst struct {
	all    *bursts
	file   *os.File
	rounds syncGroup
	puts   int // guarded by all.mu

	mu  sync.Mutex
	err error // guarded by mu; why nothing in the burst can become durable any more
}

// ticket is one Put's.
type ticket struct {
	burst *burst // nil: the Put pays for fsyncs of its own
	began time.Time
}

// join begins a Put, which leave ends.
func (b *bursts) join(root, temp string) ticket {
	t := ticket{began: time.Now()}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.puts++
	enough := burstFrom
	if b.now != nil {
		enough /= 2
	}
	if b.unable || b.puts < enough || !b.pace.together(t.began) {
		return t
	}
	if b.now == nil {
		file, err := b.open(root, temp)
		if err != nil {
			// Whatever else is wrong, the Put itself will find.
			b.unable = errors.Is(err, errors.ErrUnsupported)
			return t
		}
		next := &burst{all: b, file: file}
		next.rounds.syncDir = func(string) error { return next.round() }
		b.now = next
	}
	t.burst = b.now
	t.burst.puts++
	return t
}

func (b *bursts) leave(t ticket) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.puts >= burstFrom/2 {
		b.pace.note(t.burst != nil, now.Sub(t.began), b.puts, now)
	}
	b.puts--
	if t.burst == nil {
		return
	}
	if t.burst.puts--; t.burst.puts > 0 {
		return
	}
	if b.now == t.burst {
		b.now = nil
	}
	_ = t.burst.file.Close() // nothing was written to it
}

// wait returns once a sync of the file system that began after the call has
// ended. Once one has failed, every later one does: the error is told once,
// and it may be about any file that was written since the one before.
func (b *burst) wait() error { return b.rounds.sync("") }

func (b *burst) round() error {
	b.mu.Lock()
	err := b.err
	b.mu.Unlock()
	if err != nil {
		return err
	}
	if err = b.all.sync(b.file); err == nil {
		return nil
	}
	err = fmt.Errorf("make %s and all beside it durable: %w", b.file.Name(), translate(err))
	b.mu.Lock()
	b.err = err
	b.mu.Unlock()
	b.all.failed(b)
	return err
}

// failed lets nobody else join a burst. Those that come pay for fsyncs of
// their own for a while, which tell whose the error is.
func (b *bursts) failed(x *burst) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now == x {
		b.now = nil
	}
	b.pace.apart(time.Now().Add(minApart))
}
