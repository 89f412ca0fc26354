package archive

import "sync"

// intake hands records from the reader to the inspectors, some at a time and in
// source order, and bounds how many are on their way. It is safe for concurrent
// use.
type intake struct {
	order chan *batch // what was taken, for the committer; closed after the last

	mu       sync.Mutex
	more     sync.Cond       // with mu: there are items, or closed
	room     sync.Cond       // with mu: there may be more of them
	batches  [][]*item       // guarded by mu, as is all that follows: to be taken
	waiting  int             // items in batches
	underWay int             // items put and not yet done
	closed   bool            // there will be no more
	ended    bool            // order is closed
	claimed  <-chan struct{} // closed when the batch taken last has its claims
}

// batch is some items that come one after the other in a source.
type batch struct {
	items   []*item
	before  <-chan struct{} // closed when the batch before this one has its claims
	claimed chan struct{}
}

func newIntake() *intake {
	none := make(chan struct{})
	close(none)
	q := &intake{
		claimed: none,
		order:   make(chan *batch, queued), // as many as there can be, so that sending never waits
	}
	q.more.L, q.room.L = &q.mu, &q.mu
	return q
}

// put adds an item. It waits while too many are under way.
func (q *intake) put(it *item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.underWay >= queued || q.waiting >= 2*inspected {
		q.room.Wait()
	}
	last := len(q.batches) - 1
	if last < 0 || len(q.batches[last]) == inspected {
		q.batches = append(q.batches, nil)
		last++
	}
	q.batches[last] = append(q.batches[last], it)
	q.waiting++
	q.underWay++
	q.more.Signal()
}

// close says that no more will be put.
func (q *intake) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.more.Broadcast()
}

// take waits for items and returns them; nil after the last.
func (q *intake) take() *batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.batches) == 0 {
		if q.closed {
			q.end()
			return nil
		}
		q.more.Wait()
	}
	b := &batch{items: q.batches[0], before: q.claimed, claimed: make(chan struct{})}
	q.batches = q.batches[1:]
	q.waiting -= len(b.items)
	q.claimed = b.claimed
	q.room.Signal()
	q.order <- b
	return b
}

// end closes order, once. The caller holds mu.
func (q *intake) end() {
	if !q.ended {
		q.ended = true
		close(q.order)
	}
}

// done says that n items are on record, or given up.
func (q *intake) done(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.underWay -= n
	q.room.Signal()
}
