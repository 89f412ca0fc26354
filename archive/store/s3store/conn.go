package s3store

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// oneRecord is how much content TLS sends in one piece.
const oneRecord = 16 << 10

// conn is a connection that makes one request at a time, written and read by
// whoever makes it.
type conn struct {
	net.Conn
	socket  syscall.RawConn // below; nil: it can't be looked at
	secure  bool
	reader  *bufio.Reader
	pieces  net.Buffers
	both    [2][]byte // what pieces is made of
	record  []byte    // reused; of TLS
	expires time.Time // of the deadline that is set
	peeked  bool      // what peek found
	peek    func(fd uintptr) bool
	idle    time.Time // since when nothing is under way
}

func newConn(c net.Conn) *conn {
	made := &conn{Conn: c, reader: bufio.NewReaderSize(c, 2<<10)}
	below := c
	if secure, ok := c.(*tls.Conn); ok {
		made.secure, below = true, secure.NetConn()
	}
	if socket, ok := below.(syscall.Conn); ok {
		if raw, err := socket.SyscallConn(); err == nil {
			made.socket = raw
		}
	}
	made.peek = func(fd uintptr) bool {
		made.peeked = readable(fd)
		return true
	}
	return made
}

// quiet tells whether the server has neither closed an idle connection nor said
// anything unasked, which would be taken for the next answer.
func (c *conn) quiet() bool {
	if c.reader.Buffered() > 0 {
		return false
	}
	if c.socket == nil {
		return true
	}
	return c.socket.Read(c.peek) == nil && !c.peeked
}

// more tells whether the server said more than the answer that was read, as far
// as it has come to this side of the socket: TLS may hold it, where neither
// quiet nor the reader sees it.
func (c *conn) more() bool {
	if c.reader.Buffered() > 0 || !c.secure {
		return c.reader.Buffered() > 0
	}
	if c.SetReadDeadline(time.Unix(1, 0)) != nil { // so that nothing is waited for
		return true
	}
	_, err := c.reader.Peek(1)
	return !errors.Is(err, os.ErrDeadlineExceeded) || c.SetReadDeadline(c.expires) != nil
}

// exchange sends a request and reads its answer, each within timeout, and ends
// with ctx. begun tells whether anything was answered. After an error the
// connection is of no more use.
func (c *conn) exchange(ctx context.Context, head, content []byte, timeout time.Duration) (a answer, begun bool, err error) {
	start := time.Now()
	if err := c.allow(start, timeout); err != nil {
		return answer{}, false, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) }) // breaks off what is under way
	defer func() {
		if stop() {
			return
		}
		a.last = true
		if err != nil {
			err = ctx.Err()
		}
	}()
	if err := c.send(head, content); err != nil {
		return answer{}, false, err
	}
	if sent := time.Now(); sent.Sub(start) > timeout/8 {
		if err := c.allow(sent, timeout); err != nil {
			return answer{}, false, err
		}
		if ctx.Err() != nil { // the end came before the new deadline
			return answer{}, false, ctx.Err()
		}
	}
	if _, err := c.reader.Peek(1); err != nil {
		return answer{}, false, err
	}
	a, err = readAnswer(c.reader)
	return a, true, err
}

// allow lets the connection be used for timeout from now, and at most a quarter
// more, so that not every request has to set a deadline.
func (c *conn) allow(now time.Time, timeout time.Duration) error {
	if c.expires.Sub(now) >= timeout {
		return nil
	}
	c.expires = now.Add(timeout + timeout/4)
	return c.SetDeadline(c.expires)
}

// send writes a request in one call, or in two where TLS cuts it up anyway.
func (c *conn) send(head, content []byte) error {
	if len(content) == 0 {
		_, err := c.Write(head)
		return err
	}
	if !c.secure {
		c.both = [2][]byte{head, content}
		c.pieces = c.both[:]
		_, err := c.pieces.WriteTo(c.Conn)
		c.both = [2][]byte{}
		return err
	}
	first := min(len(content), max(0, oneRecord-len(head)))
	c.record = append(append(c.record[:0], head...), content[:first]...)
	if _, err := c.Write(c.record); err != nil {
		return err
	}
	if first == len(content) {
		return nil
	}
	_, err := c.Write(content[first:])
	return err
}
