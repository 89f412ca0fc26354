package s3store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// pool keeps connections to one server. There are never more than requests at
// a time.
type pool struct {
	dial    func(ctx context.Context) (net.Conn, error)
	keep    int           // idle connections at most
	idleFor time.Duration // how long one may be idle

	mu    sync.Mutex
	idle  []*conn     // guarded by mu; the one that was used last at the end
	timer *time.Timer // guarded by mu; closes what is idle for too long; nil where nothing is
}

// newPool returns a pool of connections to a URL's host, made as a transport
// would make them.
func newPool(u *url.URL, t *http.Transport, keep int) *pool {
	port := or(u.Port(), "80")
	var config *tls.Config
	if u.Scheme == "https" {
		port = or(u.Port(), "443")
		config = &tls.Config{MinVersion: tls.VersionTLS12}
		if t.TLSClientConfig != nil {
			config = t.TLSClientConfig.Clone()
		}
		config.ServerName = or(config.ServerName, u.Hostname())
		config.NextProtos = []string{"http/1.1"}
		config.DynamicRecordSizingDisabled = true
	}
	address := net.JoinHostPort(u.Hostname(), port)
	dial := func(ctx context.Context) (net.Conn, error) {
		c, err := t.DialContext(ctx, "tcp", address)
		if err != nil || config == nil {
			return c, err
		}
		return handshake(ctx, c, config, t.TLSHandshakeTimeout)
	}
	return &pool{dial: dial, keep: keep, idleFor: t.IdleConnTimeout}
}

func handshake(ctx context.Context, c net.Conn, config *tls.Config, timeout time.Duration) (net.Conn, error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	secure := tls.Client(c, config)
	err := secure.HandshakeContext(ctx)
	if protocol := secure.ConnectionState().NegotiatedProtocol; err == nil && protocol != "" && protocol != "http/1.1" {
		err = fmt.Errorf("the server speaks %s", protocol)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return secure, nil
}

// do makes a request. Where the server turns out to have closed a connection
// that was idle, it makes it once more over a new one.
func (p *pool) do(ctx context.Context, head, content []byte, timeout time.Duration) (answer, error) {
	c := p.take()
	if c != nil {
		a, begun, err := p.doOver(ctx, c, head, content, timeout)
		var timedOut net.Error
		if err == nil || begun || ctx.Err() != nil || errors.As(err, &timedOut) && timedOut.Timeout() {
			return a, err
		}
	}
	dialled, err := p.dial(ctx)
	if err != nil {
		return answer{}, err
	}
	a, _, err := p.doOver(ctx, newConn(dialled), head, content, timeout)
	return a, err
}

// doOver makes a request over a connection, and keeps or closes it.
func (p *pool) doOver(ctx context.Context, c *conn, head, content []byte, timeout time.Duration) (answer, bool, error) {
	a, begun, err := c.exchange(ctx, head, content, timeout)
	if err != nil || a.last || c.more() {
		_ = c.Close() // what matters of it is known
		return a, begun, err
	}
	p.give(c)
	return a, begun, nil
}

// take returns an idle connection, nil where there is none that is of use.
func (p *pool) take() *conn {
	for {
		c := p.last()
		if c == nil || c.quiet() {
			return c
		}
		_ = c.Close() // the server has said its last word
	}
}

func (p *pool) last() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	c := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	return c
}

// give keeps a connection for the next request, or closes it where enough are
// kept.
func (p *pool) give(c *conn) {
	c.idle = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) >= p.keep {
		_ = c.Close() // it has nothing to say
		return
	}
	p.idle = append(p.idle, c)
	if p.timer == nil && p.idleFor > 0 {
		p.timer = time.AfterFunc(p.idleFor, p.closeIdle)
	}
}

// closeIdle closes what is idle for too long, and comes back for the rest.
func (p *pool) closeIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, n := time.Now(), 0
	for n < len(p.idle) && now.Sub(p.idle[n].idle) >= p.idleFor {
		_ = p.idle[n].Close() // it has nothing to say
		n++
	}
	p.idle = slices.Delete(p.idle, 0, n)
	p.timer = nil
	if len(p.idle) > 0 {
		p.timer = time.AfterFunc(p.idleFor-now.Sub(p.idle[0].idle), p.closeIdle)
	}
}
