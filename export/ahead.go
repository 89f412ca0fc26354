package export

import (
	"context"
	"fmt"
	"iter"
	"runtime/debug"

	"golang.org/x/sync/errgroup"

	"logstow/archive/ledger"
)

const (
	// aheadVersions is how many versions are fetched at once. A store far away
	// takes 20 ms to begin with an answer, however small it is.
	aheadVersions = 16

	// aheadBytes is how large they may be together. A larger one is fetched
	// alone.
	aheadBytes = 8 << 20
)

// fetching is a version that is being fetched, or has been.
type fetching struct {
	size int64
	done chan struct{} // closed when what follows is there

	data     *spool // whoever takes it closes it
	err      error
	panicked any
}

// ahead yields versions as they come in all, and fetches those that follow
// meanwhile. It waits for all that it began, and gives back what nobody has
// taken, before it ends.
func (e *Exporter) ahead(ctx context.Context, all iter.Seq2[picked, error]) iter.Seq2[picked, error] {
	return func(yield func(picked, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var queue []picked
		var size int64 // of all that is in the queue
		var workers errgroup.Group
		defer func() {
			cancel()
			_ = workers.Wait() // errors are with what was fetched
			for _, v := range queue {
				v.fetching.drop()
			}
		}()
		give := func() bool {
			v := queue[0]
			queue, size = queue[1:], size-v.fetching.size
			return yield(v, nil)
		}
		for v, err := range all {
			if err != nil {
				yield(v, err)
				return
			}
			v.fetching = &fetching{size: fetchedSize(v.Document), done: make(chan struct{})}
			for len(queue) == aheadVersions || len(queue) > 0 && size+v.fetching.size > aheadBytes {
				if !give() {
					return
				}
			}
			workers.Go(func() error { v.fetching.run(ctx, e, v.Document); return nil })
			queue, size = append(queue, v), size+v.fetching.size
		}
		for len(queue) > 0 && give() {
		}
	}
}

// fetchedSize is how large a version is once it is fetched.
func fetchedSize(v ledger.Document) int64 {
	if v.Overflow {
		return max(v.Size, v.InputSize)
	}
	return v.Size
}

// run fetches v. Its panic is its caller's, who knows what to do about it.
func (f *fetching) run(ctx context.Context, e *Exporter, v ledger.Document) {
	defer close(f.done)
	defer func() {
		if p := recover(); p != nil {
			f.panicked = fmt.Sprintf("%v\n%s", p, debug.Stack())
		}
	}()
	f.data, f.err = e.fetch(ctx, v)
}

// take waits for what was fetched, which is the caller's then.
func (f *fetching) take() (*spool, error) {
	<-f.done
	if f.panicked != nil {
		panic(f.panicked)
	}
	data := f.data
	f.data = nil
	return data, f.err
}

// drop gives back what was fetched and not taken. It has no name, so that
// closing it can't lose anything.
func (f *fetching) drop() {
	if f.data != nil {
		_ = f.data.Close()
	}
}
