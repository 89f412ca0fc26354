package export

import (
	"container/list"
	"context"
	"sync"

	"logstow/archive/store"
	"logstow/layout/segment"
)

// How many segments are kept open, and how much memory they may take.
const (
	openMost  = 32
	openBytes = 32 << 20
)

// openSegments keeps the segments that were read last, each of which took a read
// to open, by their ids.
type openSegments struct {
	mu    sync.Mutex // guards what follows
	order *list.List // of *openSegment, the one that was used last in front
	by    map[int64]*list.Element
	held  int64 // bytes
}

// openSegment is one that is open or is being opened.
type openSegment struct {
	id   int64
	turn chan struct{} // holds one token, of whoever opens it

	// Set by whoever has the token, and never changed.
	key    string
	reader *segment.Reader
	held   int64 // bytes; guarded by openSegments.mu
}

func newOpenSegments() *openSegments {
	return &openSegments{order: list.New(), by: map[int64]*list.Element{}}
}

// open returns a segment that is open. Of those who want the same one opens it,
// with its own ctx, and if that fails the next one tries.
func (o *openSegments) open(ctx context.Context, r *Reader, id int64) (*openSegment, error) {
	s := o.get(id)
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.reader != nil {
		return s, nil
	}
	known, err := r.places.Segment(ctx, id)
	if err != nil {
		return nil, err
	}
	reader, err := segment.Open(store.ReaderAt(ctx, r.store, known.Key), known.Size)
	if err != nil {
		return nil, err
	}
	s.key, s.reader = known.Key, reader
	o.opened(s)
	return s, nil
}

// get returns the segment of an id, which may not be open yet.
func (o *openSegments) get(id int64) *openSegment {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e, ok := o.by[id]; ok {
		o.order.MoveToFront(e)
		return e.Value.(*openSegment)
	}
	s := &openSegment{id: id, turn: make(chan struct{}, 1)}
	o.by[id] = o.order.PushFront(s)
	o.trim()
	return s
}

// put keeps a segment that was opened elsewhere.
func (o *openSegments) put(id int64, key string, r *segment.Reader) {
	s := o.get(id)
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.reader == nil {
		s.key, s.reader = key, r
		o.opened(s)
	}
}

// opened counts what a segment takes, if it is still kept.
func (o *openSegments) opened(s *openSegment) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e, ok := o.by[s.id]; !ok || e.Value != s {
		return
	}
	s.held = s.reader.Held()
	o.held += s.held
	o.trim()
}

// trim drops what was used least lately, but never the last one.
func (o *openSegments) trim() {
	for o.order.Len() > 1 && (o.order.Len() > openMost || o.held > openBytes) {
		o.remove(o.order.Back())
	}
}

func (o *openSegments) remove(e *list.Element) {
	s := o.order.Remove(e).(*openSegment)
	delete(o.by, s.id)
	o.held -= s.held
}
