package s3store_test

import (
	"bufio"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"sync"
	"testing"
	"time"

	"logstow/archive/store/s3store"
	"logstow/archive/store/storetest/gateway"
)

const success = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

// scripted is a server below HTTP. Requests that are made directly get what the
// script answers; the SDK's all succeed.
type scripted struct {
	listener net.Listener
	answer   func(*asked) (open bool)

	mu    sync.Mutex
	own   int              // guarded by mu; requests made directly
	sdk   int              // guarded by mu; requests made by the SDK
	conns map[net.Conn]int // guarded by mu; how many were made directly over each
}

// asked is a request of which the head was read.
type asked struct {
	net.Conn
	r      *bufio.Reader
	length int // of its body
	nth    int // of those that were made directly, from 1
}

// read reads the rest of the request, and tells whether there was all of it.
func (a *asked) read() bool {
	_, err := io.CopyN(io.Discard, a.r, int64(a.length))
	return err == nil
}

// say reads the rest of the request and answers it.
func (a *asked) say(what string) bool {
	if !a.read() {
		return false
	}
	_, err := io.WriteString(a, what)
	return err == nil
}

// script starts a server and opens a store on it.
func script(t *testing.T, c s3store.Config, answer func(*asked) (open bool)) (*scripted, *s3store.Store) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{listener: l, answer: answer, conns: map[net.Conn]int{}}
	var accepting, serving sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[conn] = 0
			s.mu.Unlock()
			serving.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		accepting.Wait()
		s.mu.Lock()
		for conn := range s.conns {
			conn.Close()
		}
		s.mu.Unlock()
		serving.Wait()
	})
	(&gateway.Gateway{}).Setenv(t)
	c.Bucket, c.Endpoint, c.PathStyle, c.MaxBackoff = "bucket", "http://"+l.Addr().String(), true, time.Millisecond
	return s, open(t, c)
}

func (s *scripted) serve(c net.Conn) {
	defer c.Close()
	for r := bufio.NewReader(c); ; {
		text := textproto.NewReader(r)
		if _, err := text.ReadLine(); err != nil {
			return
		}
		header, err := text.ReadMIMEHeader()
		length, _ := strconv.Atoi(header.Get("Content-Length"))
		if err != nil {
			return
		}
		a := &asked{Conn: c, r: r, length: length, nth: s.count(c, header.Get("User-Agent") == "logstow")}
		answer := s.answer
		if a.nth == 0 {
			answer = func(a *asked) bool { return a.say(success) }
		}
		if !answer(a) {
			return
		}
	}
}

// count counts a request, and returns the how manieth of those that were made
// directly it is; 0: of the SDK.
func (s *scripted) count(c net.Conn, own bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !own {
		s.sdk++
		return 0
	}
	s.own++
	s.conns[c]++
	return s.own
}

// counts returns how many requests came directly and by the SDK, and over how
// many connections the former.
func (s *scripted) counts() (own, sdk, conns int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.conns {
		if n > 0 {
			conns++
		}
	}
	return s.own, s.sdk, conns
}
