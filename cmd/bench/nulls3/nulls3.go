// Package nulls3 is a server that takes what is put into it as S3 would and
// keeps nothing but its name and size.
//
// It is there to measure clients against, so it takes as little of the
// machine as a server can: one goroutine a connection, one read and one write
// for a small object. It reads every body to its end and answers. Signatures
// and checksums are not looked at; whatever else it does not understand it
// refuses.
package nulls3

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Server serves one or more buckets in path style, over HTTP/1.1.
type Server struct {
	Latency time.Duration // before every answer
	Names   bool          // keep the names themselves, so that there are Objects and listings of them

	objects     objects
	others      atomic.Int64
	refused     atomic.Int64
	connections atomic.Int64

	mu   sync.Mutex
	open map[net.Conn]struct{} // guarded by mu; nil once Serve is at its end
}

// Stats counts requests.
type Stats struct {
	Puts        int   `json:"puts"`        // that were answered 200
	Bytes       int64 `json:"bytes"`       // of their bodies
	Exist       int   `json:"exist"`       // conditional puts of a name that was there
	Replaced    int   `json:"replaced"`    // those of Puts whose name was there
	Others      int   `json:"others"`      // requests of other kinds
	Refused     int   `json:"refused"`     // what was not understood
	Connections int   `json:"connections"` // that clients made
}

// Requests is how many there were in all.
func (s Stats) Requests() int { return s.Puts + s.Exist + s.Others + s.Refused }

// Stats returns what was counted so far.
func (s *Server) Stats() Stats {
	st := s.objects.stats()
	st.Others, st.Refused, st.Connections = int(s.others.Load()), int(s.refused.Load()), int(s.connections.Load())
	return st
}

// Count is how many different names were put so far.
func (s *Server) Count() int { return s.objects.count() }

// Objects returns the names put so far, bucket first, in byte order. Without
// Server.Names there are none.
func (s *Server) Objects() []string { return s.objects.list("") }

// Serve answers those who connect to l until ctx ends. When it returns, l and
// all connections are closed and nothing of it runs any more.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	s.objects.keep(s.Names)
	s.mu.Lock()
	s.open = map[net.Conn]struct{}{}
	s.mu.Unlock()
	var serving sync.WaitGroup
	defer serving.Wait()
	stop := context.AfterFunc(ctx, func() { s.close(l) })
	defer stop()
	for {
		c, err := l.Accept()
		if err != nil {
			s.close(l)
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		serving.Go(func() {
			if s.add(c) {
				s.connections.Add(1)
				s.converse(c)
			}
			s.remove(c)
		})
	}
}

// add reports whether a connection is to be served.
func (s *Server) add(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		return false
	}
	s.open[c] = struct{}{}
	return true
}

func (s *Server) remove(c net.Conn) {
	s.mu.Lock()
	delete(s.open, c)
	s.mu.Unlock()
	_ = c.Close() // whoever was there has its answers
}

func (s *Server) close(l net.Listener) {
	_ = l.Close() // there is nothing to lose
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		_ = c.Close() // as above
	}
	s.open = nil
}

// bufferSize is what one read takes at most. Most requests are smaller, body
// and all.
const bufferSize = 64 << 10

// converse answers the requests of one connection, one after the other, until
// either side ends it.
func (s *Server) converse(c net.Conn) {
	in := bufio.NewReaderSize(c, bufferSize)
	var r request
	var out answer
	for {
		err := r.read(in)
		if no := (*refusal)(nil); errors.As(err, &no) {
			s.refused.Add(1)
			out.reset()
			out.refuse(&r, no, true)
			_, _ = c.Write(out.b) // the client may be gone
			hangUp(c)
			return
		}
		if err != nil || !s.takeBody(c, in, &r) {
			return // the client is gone
		}
		if s.Latency > 0 {
			time.Sleep(s.Latency)
		}
		out.reset()
		s.answer(&out, &r)
		if _, err := c.Write(out.b); err != nil || r.last {
			return
		}
	}
}

// takeBody reads a request's body to its end, which it returns false without.
func (s *Server) takeBody(c net.Conn, in *bufio.Reader, r *request) bool {
	if r.waits && r.size > int64(in.Buffered()) {
		if _, err := io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return false
		}
	}
	if r.size == 0 {
		return true
	}
	_, err := in.Discard(int(r.size))
	return err == nil
}

// hangUp ends a connection whose client may be sending still: to close it at
// once could take the answer away from the client.
func hangUp(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.CloseWrite() // it is closed altogether soon
	}
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second)) // without it the client decides
	_, _ = io.Copy(io.Discard, io.LimitReader(c, 16<<20))
}
