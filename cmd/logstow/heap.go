package main

import (
	"os"
	"runtime/debug"
)

// heapLimit is where the garbage collector begins to work harder. It is well
// above what a run needs, and well below what it would otherwise let lie.
const heapLimit = 36 << 20

// limitHeap keeps the memory of a run small, unless whoever started it has said
// how much it may use.
func limitHeap() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(heapLimit)
	}
}
