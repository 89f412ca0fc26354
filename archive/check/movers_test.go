package check_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"logstow/archive"
	"logstow/archive/check"
	"logstow/archive/retain"
	"logstow/layout"
)

// What is being packed, merged, taken out, held and erased is no finding.
func TestFindsNothingBesideMovers(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(uint64(seed), 0))
	w := newFolder(t)
	w.fill()
	var work sync.WaitGroup
	work.Go(func() {
		for i := range 6 {
			var records []string
			for j := range 10 {
				records = append(records, job(fmt.Sprintf("j%d-%d", i, j), fmt.Sprintf(`,"lines":["%0*d"]`, 1+j*100, i)))
			}
			w.archive(archive.Config{MaxFileSize: 500}, w.file(records...))
			w.compact(time.Duration(rng.IntN(2)) * time.Millisecond)
			id := fmt.Sprintf("j%d-%d", rng.IntN(i+1), rng.IntN(10))
			w.unpack(id)
			h := w.hold(layout.Scope{Job: id})
			w.compact(0)
			_, err := retain.Release(t.Context(), w.retention(), h.ID, "test", "over")
			w.ok(err)
			w.erase(fmt.Sprintf("j%d-%d", rng.IntN(i+1), rng.IntN(10)))
		}
	})
	done := make(chan struct{})
	go func() { work.Wait(); close(done) }()
	for n, running := 0, true; running; n++ {
		select {
		case <-done:
			running = false
		default:
		}
		all, _, err := w.check(check.Config{Deep: n%2 == 0})
		w.ok(err)
		for _, f := range all {
			// That may take as long as the machine is slow.
			if f.Kind != check.Leftover || !strings.Contains(f.Reason, "its removal was begun") {
				t.Errorf("found %+v", f)
			}
		}
	}
	w.want(thorough)
}
