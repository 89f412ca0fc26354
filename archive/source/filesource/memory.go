package filesource

import (
	"context"
	"math/bits"
	"sync"

	"logstow/archive/source"
	"logstow/layout/jobfile"
)

const (
	// minBuffer is the smallest buffer of a record.
	minBuffer = 1 << 10

	// maxIdle is the largest buffer that is used again: what is larger is rare.
	maxIdle = 64 << 10

	// idleSize bounds the bytes of the buffers that wait to be used again.
	idleSize = 2 << 20
)

// pools holds buffers of records for use again, by class of size. The classes
// are four to each doubling, so that at most a fifth of a buffer is unused. It is
// no sync.Pool, since that is emptied by a garbage collector that works often.
type pools struct {
	budget source.Budget

	mu   sync.Mutex
	idle [56][]*buffer // guarded by mu; by class, up to that of maxIdle
	size int           // guarded by mu; bytes of idle
}

// buffer holds a record.
type buffer struct {
	b       []byte
	release func()
}

// class returns the class of n bytes and the size of its buffers.
func class(n int) (index, size int) {
	n = max(n, minBuffer)
	shift := max(0, bits.Len(uint(n-1))-3)
	quarters := (n + 1<<shift - 1) >> shift
	return shift*4 + quarters - 5, quarters << shift
}

// record returns a record of a copy of b, once the budget has room for it.
func (p *pools) record(ctx context.Context, part string, offset int64, b []byte) (*source.Record, error) {
	index, size := class(len(b))
	if err := p.budget.Acquire(ctx, int64(size)); err != nil {
		return nil, err
	}
	buf := p.take(index)
	if buf == nil {
		buf = &buffer{b: make([]byte, size)}
		buf.release = func() {
			p.give(index, buf)
			p.budget.Release(int64(size))
		}
	}
	n := copy(buf.b, b)
	return source.NewRecord(part, offset, jobfile.Memory(buf.b[:n:n]), int64(n), buf.release), nil
}

// take returns an idle buffer of a class, nil where there is none.
func (p *pools) take(index int) *buffer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if index >= len(p.idle) || len(p.idle[index]) == 0 {
		return nil
	}
	last := len(p.idle[index]) - 1
	buf := p.idle[index][last]
	p.idle[index][last] = nil
	p.idle[index] = p.idle[index][:last]
	p.size -= len(buf.b)
	return buf
}

// give keeps a buffer of a class, unless it is large or enough are kept.
func (p *pools) give(index int, buf *buffer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(buf.b) > maxIdle || p.size+len(buf.b) > idleSize {
		return
	}
	p.idle[index] = append(p.idle[index], buf)
	p.size += len(buf.b)
}
