package web_test

import (
	"math"
	"net/http"
	"runtime"
	"strconv"
	"testing"
)

// Pages of a job whose lines are in order take memory that doesn't grow with
// their number, and those of any other only the times that are sorted.
func TestTalendPagesOfManyLines(t *testing.T) {
	const few, many = 13_000, 40_000 // both too large for memory
	w := newTalendWorld(t, nil)
	ids := map[bool]string{true: "ordered", false: "disordered"}
	for ordered, id := range ids {
		for _, n := range []int{few, many} {
			lines := make([]logged, n)
			for i := range lines {
				at := began + int64(i)
				if !ordered {
					at = began + int64(n-i)
				}
				lines[i] = logged{at, "line " + strconv.Itoa(i)}
			}
			w.put(t, talendJob(workspace, id+strconv.Itoa(n), lines))
		}
		grown := w.allocated(t, id+strconv.Itoa(many)) - w.allocated(t, id+strconv.Itoa(few))
		limit := int64(384 << 10)
		if !ordered {
			limit += 16 * many * 6 // a slice of moments that grows
		}
		if grown > limit {
			t.Errorf("%s: a page of %d lines takes %d bytes more than one of %d, want at most %d", id, many, grown, few, limit)
		}
	}
}

// allocated is how much memory is asked for while a page is answered; the
// lesser of two times, since others ask for some now and then.
func (w *talendWorld) allocated(t *testing.T, id string) int64 {
	t.Helper()
	least := int64(math.MaxInt64)
	for range 2 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if a := w.ask(t, w.all, http.MethodGet, logs(id)); a.status != http.StatusOK {
			t.Fatalf("GET a page of %s: %d %s", id, a.status, a.body)
		}
		runtime.ReadMemStats(&after)
		least = min(least, int64(after.TotalAlloc-before.TotalAlloc))
	}
	return least
}
