package s3store_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"logstow/archive/store"
	"logstow/archive/store/s3store"
	"logstow/archive/store/storetest/gateway"
)

// together is a connection that keeps what is written while it holds back.
type together struct {
	net.Conn
	holds bool
	kept  bytes.Buffer
}

func (c *together) Write(p []byte) (int, error) {
	if c.holds {
		return c.kept.Write(p)
	}
	return c.Conn.Write(p)
}

// twice answers each request with two answers, each a record of TLS, which
// arrive as one.
func twice(t *testing.T, below net.Conn, certificates []tls.Certificate) (requests int) {
	held := &together{Conn: below}
	c := tls.Server(held, &tls.Config{Certificates: certificates})
	defer c.Close()
	for r := bufio.NewReader(c); ; requests++ {
		request, err := http.ReadRequest(r)
		if err != nil {
			return requests
		}
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			return requests
		}
		held.holds = true
		for range 2 {
			if _, err := io.WriteString(c, success); err != nil {
				t.Error(err)
			}
		}
		held.holds = false
		if _, err := held.kept.WriteTo(below); err != nil {
			return requests
		}
	}
}

// Over TLS, too, what a server says beyond its answer is not taken for the next
// one, although it has left the socket by then.
func TestSaysMoreOverTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	server.Close() // its certificate is what we want of it
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	counts := make(chan int, 100)
	puts, over := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(puts, func() { c.Close() })
			serving.Go(func() { counts <- twice(t, c, server.TLS.Certificates) })
		}
	})
	(&gateway.Gateway{}).Setenv(t)
	t.Setenv("AWS_CA_BUNDLE", bundle(t, server))
	s := open(t, s3store.Config{Bucket: "bucket", Endpoint: "https://" + l.Addr().String(), PathStyle: true, MaxBackoff: time.Millisecond})
	for range 3 {
		if err := s.Put(t.Context(), "k", store.Bytes([]byte("x")), store.PutOptions{IfAbsent: true}); err != nil {
			t.Errorf("Put: %v", err)
		}
	}
	if kept, _ := s3store.Idle(s); kept != 0 {
		t.Errorf("%d connections are kept with an answer in them", kept)
	}
	l.Close()
	over()
	serving.Wait()
	close(counts)
	for n := range counts {
		if n != 1 {
			t.Errorf("%d requests over one connection, want 1", n)
		}
	}
}
