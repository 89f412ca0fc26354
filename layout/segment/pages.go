package segment

import (
	"container/list"
	"context"
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// How much Pages keeps: of pages as they are inflated, and as they are in files.
// A larger page than largestKept isn't kept.
const (
	keptPages    = 16
	keptInflated = 16 << 20
	keptDeflated = 32 << 20
	largestKept  = 2 * PageBytes
)

// Pages keeps the pages of documents that were read last, of any number of
// segments: those of a user's jobs in the order of time lie in many pages by
// turns. It takes at most 48 MB and may be used concurrently; who wants a page
// that is being read waits for it.
type Pages struct {
	zstd *zstd.Decoder // for all, since each decoder keeps some memory

	mu       sync.Mutex // guards what follows
	inflated shelf[[][]byte]
	deflated shelf[[]byte]
	reading  map[pageName]chan struct{} // closed when it was read, or could not be
}

// pageName is a page of documents of an open file.
type pageName struct {
	file        *byte
	group, page int
}

// NewPages returns a Pages without any.
func NewPages() (*Pages, error) {
	z, err := newZstd()
	if err != nil {
		return nil, err
	}
	return &Pages{
		zstd:     z,
		inflated: newShelf[[][]byte](keptPages, keptInflated),
		deflated: newShelf[[]byte](keptDeflated/pageOverhead, keptDeflated),
		reading:  map[pageName]chan struct{}{},
	}, nil
}

// pageOverhead is the least that a kept page counts for, in bytes.
const pageOverhead = 1 << 10

// At is r.At, without a read where the row's page is kept. The document isn't the
// caller's to change. ctx ends the waiting for others; the reading is r's.
func (p *Pages) At(ctx context.Context, r *Reader, row int64, sum [sha256.Size]byte) (doc []byte, err error) {
	defer guard(&err)
	at, err := r.place(row, colDocument)
	if err != nil {
		return nil, err
	}
	docs, err := p.documents(ctx, r, at)
	if err != nil {
		return nil, fmt.Errorf("document of row %d: %w", row, err)
	}
	return at.document(docs, sum)
}

// documents returns those of a page, and sees to it that nobody else reads it at
// the same time.
func (p *Pages) documents(ctx context.Context, r *Reader, at place) ([][]byte, error) {
	name := pageName{r.name, at.group, at.page}
	for {
		docs, raw, wait, done := p.take(name)
		switch {
		case docs != nil:
			return docs, nil
		case done != nil:
			defer p.done(name, done)
			return p.read(r, at, name, raw)
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take returns what is kept of a page. Where that isn't its documents it is
// either being read by another, who closes wait, or the caller's to read, who
// closes done.
func (p *Pages) take(name pageName) (docs [][]byte, raw []byte, wait <-chan struct{}, done chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if docs, ok := p.inflated.get(name); ok {
		return docs, nil, nil, nil
	}
	if wait, ok := p.reading[name]; ok {
		return nil, nil, wait, nil
	}
	raw, _ = p.deflated.get(name)
	done = make(chan struct{})
	p.reading[name] = done
	return nil, raw, nil, done
}

func (p *Pages) done(name pageName, done chan struct{}) {
	p.mu.Lock()
	delete(p.reading, name)
	p.mu.Unlock()
	close(done)
}

// read reads a page, unless raw is it, and keeps it.
func (p *Pages) read(r *Reader, at place, name pageName, raw []byte) (docs [][]byte, err error) {
	if raw == nil {
		if raw, err = r.read(at.span()); err != nil {
			return nil, err
		}
	}
	f := *r.file
	f.zstd = p.zstd
	if docs, err = (&Reader{file: &f}).documents(at.group, at.page, raw); err != nil {
		return nil, err
	}
	size := int64(0)
	for _, d := range docs {
		size += int64(len(d)) + 24
	}
	if size > largestKept || len(raw) > largestKept {
		return docs, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inflated.add(name, docs, size)
	if at.span().at < r.size-int64(len(r.tail)) { // the tail is kept as it is
		p.deflated.add(name, raw, int64(len(raw)))
	}
	return docs, nil
}

// shelf keeps what was used last, within a number and a size.
type shelf[T any] struct {
	most  int
	limit int64
	size  int64
	order *list.List // of *kept[T], the one that was used last in front
	by    map[pageName]*list.Element
}

type kept[T any] struct {
	name pageName
	is   T
	size int64
}

func newShelf[T any](most int, limit int64) shelf[T] {
	return shelf[T]{most: most, limit: limit, order: list.New(), by: map[pageName]*list.Element{}}
}

func (s *shelf[T]) get(name pageName) (is T, ok bool) {
	e, ok := s.by[name]
	if !ok {
		return is, false
	}
	s.order.MoveToFront(e)
	return e.Value.(*kept[T]).is, true
}

func (s *shelf[T]) add(name pageName, is T, size int64) {
	if e, ok := s.by[name]; ok {
		s.order.MoveToFront(e)
		return
	}
	size = max(size, pageOverhead)
	s.by[name] = s.order.PushFront(&kept[T]{name, is, size})
	s.size += size
	for s.order.Len() > s.most || s.size > s.limit {
		last := s.order.Remove(s.order.Back()).(*kept[T])
		delete(s.by, last.name)
		s.size -= last.size
	}
}
