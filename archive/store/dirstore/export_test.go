package dirstore

import "testing"

// Translate is translate.
var Translate = translate

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
