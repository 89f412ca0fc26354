package main

import (
	"os"
	"runtime/debug"
)

const (
	// heapLimit is where the garbage collector begins to work harder. It is well
	// above what a run needs, and well below what it would otherwise let lie.
	heapLimit = 36 << 20

	// heapSpare is as much of it as a run can do without.
	heapSpare = 8 << 20
)

// limitHeap keeps the memory of a run small, whose ledger keeps so many bytes in
// memory, unless whoever started it has said how much it may use. A limit that these
// alone came to would have the collector work all the time.
func limitHeap(resident int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(heapLimit + max(0, resident-heapSpare))
	}
}
