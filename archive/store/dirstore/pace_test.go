package dirstore_test

import (
	"testing"
	"time"

	"logstow/archive/store/dirstore"
)

// TestPace checks that Puts share their syncs while that costs less, and are
// tried again when it did not.
func TestPace(t *testing.T) {
	var p dirstore.Pace
	now := time.Now()
	note := func(shared bool, each time.Duration) {
		for range dirstore.Trial {
			now = now.Add(each)
			p.Note(shared, 32*each, 32, now)
		}
	}
	check := func(when string, want bool) {
		t.Helper()
		if got := p.Together(now); got != want {
			t.Errorf("%s: Puts share syncs: %v, want %v", when, got, want)
		}
	}
	check("before it is known what fsyncs cost", false)
	note(false, 300*time.Microsecond)
	check("after a trial of fsyncs", true)
	note(true, 350*time.Microsecond)
	check("at a cost that is hardly higher", true)
	for range 10 {
		note(true, 5*time.Millisecond)
	}
	check("at a far higher cost", false)
	now = now.Add(time.Minute)
	check("a minute later", true)
	note(false, 10*time.Millisecond)
	note(true, 5*time.Millisecond)
	check("when fsyncs cost more still", true)
}
