package s3store

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// NewContent returns what a Put sends, and what ends its reading.
func NewContent(r io.ReaderAt, size int64) (sent io.ReadSeeker, finish func() error) {
	c := &content{section: io.NewSectionReader(r, 0, size)}
	return c, c.finish
}

// OpenOver opens a store whose connections are made by a transport that set has
// changed.
func OpenOver(ctx context.Context, c Config, set func(*http.Transport)) (*Store, error) {
	c = c.withDefaults()
	return open(ctx, c, httpClient(c).WithTransportOptions(set))
}

// Idle tells how many connections of its own a store keeps, and how many of
// them the server has left alone.
func Idle(s *Store) (kept, quiet int) {
	where := s.direct.place.Load()
	if where == nil || where.pool == nil {
		return 0, 0
	}
	where.pool.mu.Lock()
	defer where.pool.mu.Unlock()
	for _, c := range where.pool.idle {
		if c.quiet() {
			quiet++
		}
	}
	return len(where.pool.idle), quiet
}

// ReadAnswer reads one answer, and returns its status, its content and what is
// left of the input.
func ReadAnswer(b []byte) (status int, content, rest []byte, err error) {
	r := bufio.NewReader(bytes.NewReader(b))
	a, err := readAnswer(r)
	if err != nil {
		return 0, nil, nil, err
	}
	rest, err = io.ReadAll(r)
	return a.status, a.content, rest, err
}

// NewPool returns how a request is made over a pool of connections, and how
// many of them are idle.
func NewPool(dial func(context.Context) (net.Conn, error), keep int, idleFor time.Duration) (do func(ctx context.Context) error, idle func() int) {
	p := &pool{dial: dial, keep: keep, idleFor: idleFor}
	do = func(ctx context.Context) error {
		_, err := p.do(ctx, []byte("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"), nil, time.Minute)
		return err
	}
	return do, func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.idle)
	}
}
