package archive

import (
	"strings"
	"sync"
	"time"

	"logstow/layout/jobfile"
)

// tally counts what a run does. It is safe for concurrent use.
type tally struct {
	mu sync.Mutex
	s  Summary // guarded by mu
}

// read counts a record that was read.
func (t *tally) read(size int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.Read++
	t.s.ReadBytes += size
}

// add counts items whose outcome is on record.
func (t *tally) add(items []*item) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, it := range items {
		if it.err == nil {
			t.count(it)
		}
	}
}

// count counts an item. The caller holds mu.
func (t *tally) count(it *item) {
	switch it.outcome {
	case archived:
		if it.info.Kind == jobfile.Job {
			t.s.Archived++
		} else {
			t.s.Events++
		}
		t.s.Bytes += it.row.Size
		if it.row.Revision {
			t.s.Revisions++
		}
		if strings.Contains(it.row.Changed, changedCapped) {
			t.s.Capped++
		}
	case alreadyArchived:
		t.s.AlreadyArchived++
	case quarantined:
		t.s.Quarantined++
	case refused:
		t.s.Refused++
	case unverified:
		t.s.Unverified++
	case skipped:
		t.s.Skipped++
	case unreadable:
		t.s.Unreadable++
	}
}

// summary is what was counted so far.
func (t *tally) summary(began time.Time) Summary {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.s
	s.DurationSeconds = time.Since(began).Seconds()
	return s
}
