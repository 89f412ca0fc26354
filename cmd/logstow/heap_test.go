package main

import (
	"math"
	"runtime/debug"
	"testing"
)

// The limit of the heap leaves a run the same room, however large its ledger is.
func TestLimitHeap(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	t.Setenv("GOMEMLIMIT", "")
	for _, c := range []struct{ resident, want int64 }{{0, heapLimit}, {heapSpare, heapLimit}, {1 << 30, heapLimit - heapSpare + 1<<30}} {
		limitHeap(c.resident)
		if got := debug.SetMemoryLimit(-1); got != c.want {
			t.Errorf("beside %d bytes the heap is limited to %d, want %d", c.resident, got, c.want)
		}
	}
	debug.SetMemoryLimit(math.MaxInt64)
	t.Setenv("GOMEMLIMIT", "1GiB")
	limitHeap(0)
	if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
		t.Errorf("where GOMEMLIMIT is set the heap is limited to %d all the same", got)
	}
}
