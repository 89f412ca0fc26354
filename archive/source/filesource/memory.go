package filesource

import (
	"context"
	"math/bits"
	"sync"

	"logstow/archive/source"
	"logstow/layout/jobfile"
)

// minBuffer is the smallest buffer of a record.
const minBuffer = 1 << 10

// pools holds buffers of records for use again, by class of size. The classes
// are four to each doubling, so that at most a fifth of a buffer is unused.
type pools struct {
	budget  source.Budget
	classes [128]sync.Pool
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
	buf, _ := p.classes[index].Get().(*buffer)
	if buf == nil {
		buf = &buffer{b: make([]byte, size)}
		buf.release = func() {
			p.classes[index].Put(buf)
			p.budget.Release(int64(size))
		}
	}
	n := copy(buf.b, b)
	return source.NewRecord(part, offset, jobfile.Memory(buf.b[:n:n]), int64(n), buf.release), nil
}
