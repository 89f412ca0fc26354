package dirstore

import (
	"math"
	"os"
	"testing"
	"time"
)

// Translate is translate.
var Translate = translate

// BurstFrom is burstFrom.
const BurstFrom = burstFrom

// WatchSyncs calls f before each fsync of a directory.
func WatchSyncs(s *Store, f func(dir string)) {
	s.syncs.syncDir = func(dir string) error {
		f(dir)
		return syncDir(dir)
	}
}

// NewSync returns a group's sync, for which f stands in for the fsync.
func NewSync(_ *testing.T, f func(dir string) error) func(dir string) error {
	g := &syncGroup{syncDir: f}
	return g.sync
}

// Disk is what stands in for the file system, where a power cut makes a
// difference to it.
type Disk interface {
	SyncFile(f *os.File) error
	SyncDir(dir string) error
	OpenVolume(root, temp string) (*os.File, error)
	SyncVolume(f *os.File) error
	Link(from, to string) error
	Rename(from, to string) error
}

// Use lets a disk stand in for the file system.
func Use(s *Store, d Disk) {
	s.disk = disk{syncFile: d.SyncFile, link: d.Link, rename: d.Rename}
	s.syncs.syncDir = d.SyncDir
	s.bursts.open, s.bursts.sync = d.OpenVolume, d.SyncVolume
}

// ShareAlways makes Puts share syncs whatever that costs, once there are enough
// of them.
func ShareAlways(s *Store) {
	s.bursts.pace.own = cost{puts: trial, each: math.MaxFloat64}
}

// Pace is pace.
type Pace struct{ p pace }

// Trial is trial.
const Trial = trial

// Together is together.
func (p *Pace) Together(now time.Time) bool { return p.p.together(now) }

// Note is note.
func (p *Pace) Note(shared bool, took time.Duration, beside int, now time.Time) {
	p.p.note(shared, took, beside, now)
}
