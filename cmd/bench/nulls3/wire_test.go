package nulls3_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"logstow/cmd/bench/nulls3"
)

// exchange sends a request as it stands and returns the answer, with its body.
func exchange(t *testing.T, c net.Conn, in *bufio.Reader, request string) (*http.Response, string) {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatalf("send %.60q: %v", request, err)
	}
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("the answer to %.60q: %v", request, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("the answer to %.60q: %v", request, err)
	}
	return resp, string(body)
}

// What is not understood must be refused, and nothing be counted as put.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		what, request string
		status        int
		says          string
	}{
		{"chunked", "PUT /b/k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 501, "Transfer-Encoding"},
		{"chunked and long", "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx", 501, "Transfer-Encoding"},
		{"no length", "PUT /b/k HTTP/1.1\r\nHost: h\r\n\r\n", 411, "Content-Length"},
		{"two lengths", "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\ncontent-length: 2\r\n\r\nxx", 400, "Content-Length"},
		{"negative length", "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400, "Content-Length"},
		{"signed length", "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\nx", 400, "Content-Length"},
		{"too large", "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n", 400, "EntityTooLarge"},
		{"no host", "PUT /b/k HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 400, "Host"},
		{"old protocol", "PUT /b/k HTTP/1.0\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 505, "HTTP/1.1"},
		{"no protocol", "PUT /b/k\r\n\r\n", 505, "HTTP/1.1"},
		{"unknown method", "BREW /b/k HTTP/1.1\r\nHost: h\r\n\r\n", 405, "method"},
		{"whole address", "PUT http://h/b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 400, "target"},
		{"bad escape", "PUT /b/%zz HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 400, "escaped"},
		{"bare line feed", "PUT /b/k HTTP/1.1\nHost: h\nContent-Length: 0\n\n", 400, "CR LF"},
		{"folded header", "PUT /b/k HTTP/1.1\r\nHost: h\r\n folded: x\r\nContent-Length: 0\r\n\r\n", 400, "name"},
		{"other condition", "PUT /b/k HTTP/1.1\r\nHost: h\r\nIf-None-Match: \"x\"\r\nContent-Length: 0\r\n\r\n", 501, "If-None-Match"},
		{"other expectation", "PUT /b/k HTTP/1.1\r\nHost: h\r\nExpect: much\r\nContent-Length: 0\r\n\r\n", 417, "Expect"},
		{"endless header", "PUT /b/k HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 70_000) + "\r\n\r\n", 431, "header"},
		{"many headers", "PUT /b/k HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("X: y\r\n", 12_000) + "\r\n", 431, "header"},
	} {
		t.Run(c.what, func(t *testing.T) {
			null := &nulls3.Server{}
			conn, in := dial(t, serve(t, null))
			resp, body := exchange(t, conn, in, c.request)
			if resp.StatusCode != c.status || !strings.Contains(body, c.says) || !resp.Close {
				t.Errorf("the answer is %s, closing: %v, %q; want %d, closing, with %q", resp.Status, resp.Close, body, c.status, c.says)
			}
			if got, want := null.Stats(), (nulls3.Stats{Refused: 1, Connections: 1}); got != want {
				t.Errorf("Stats() = %+v, want %+v", got, want)
			}
		})
	}
}

func dial(t *testing.T, address string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // the server may have closed it
	return c, bufio.NewReader(c)
}

// What is understood is answered on one connection, one request after another.
func TestAnswers(t *testing.T) {
	null := &nulls3.Server{}
	conn, in := dial(t, serve(t, null))
	for _, c := range []struct {
		what, request string
		status        int
		header, value string
	}{
		{"list while empty", "GET /b?list-type=2 HTTP/1.1\r\nHost: h\r\n\r\n", 200, "Content-Type", "application/xml"},
		{"put", "PUT /b/k?x-id=PutObject HTTP/1.1\r\nHost: h\r\nIf-None-Match: *\r\nx-amz-checksum-crc32c: AAAA\r\nContent-Length: 3\r\n\r\nabc", 200, "X-Amz-Checksum-Crc32c", "AAAA"},
		{"put again", "PUT /b/%6b HTTP/1.1\r\nhost: h\r\nIF-NONE-MATCH: *\r\nContent-Length: 3\r\n\r\nabc", 412, "Content-Type", "application/xml"},
		{"put over", "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nabcd", 200, "Etag", `"00000000000000000000000000000004"`},
		{"head", "HEAD /b/k HTTP/1.1\r\nHost: h\r\n\r\n", 200, "Content-Length", "4"},
		{"head of nothing", "HEAD /b/n HTTP/1.1\r\nHost: h\r\n\r\n", 404, "Content-Length", "0"},
		{"bucket", "HEAD /b HTTP/1.1\r\nHost: h\r\n\r\n", 200, "Content-Length", "0"},
		{"make bucket", "PUT /b HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 200, "Content-Length", "0"},
		{"part", "PUT /b/k?partNumber=1&uploadId=u HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", 501, "Content-Type", "application/xml"},
		{"copy", "PUT /b/k HTTP/1.1\r\nHost: h\r\nx-amz-copy-source: b/k\r\nContent-Length: 0\r\n\r\n", 501, "Content-Type", "application/xml"},
		{"if-match", "PUT /b/k HTTP/1.1\r\nHost: h\r\nIf-Match: \"x\"\r\nContent-Length: 0\r\n\r\n", 501, "Content-Type", "application/xml"},
		{"get", "GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n", 501, "Content-Type", "application/xml"},
		{"list without names", "GET /b?list-type=2 HTTP/1.1\r\nHost: h\r\n\r\n", 501, "Content-Type", "application/xml"},
		{"delete", "DELETE /b/k HTTP/1.1\r\nHost: h\r\n\r\n", 501, "Content-Type", "application/xml"},
		{"no bucket", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "Content-Type", "application/xml"},
		{"last", "HEAD /b/k HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 200, "Content-Length", "4"},
	} {
		resp, _ := exchange(t, conn, in, c.request)
		if resp.StatusCode != c.status || resp.Header.Get(c.header) != c.value {
			t.Errorf("%s: the answer is %s with %s %q, want %d with %q", c.what, resp.Status, c.header, resp.Header.Get(c.header), c.status, c.value)
		}
		if _, err := http.ParseTime(resp.Header.Get("Date")); err != nil {
			t.Errorf("%s: the answer's date: %v", c.what, err)
		}
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("after Connection: close the connection yields %v, want EOF", err)
	}
	want := nulls3.Stats{Puts: 2, Bytes: 7, Exist: 1, Replaced: 1, Others: 13, Connections: 1}
	if got := null.Stats(); got != want {
		t.Errorf("Stats() = %+v, want %+v", got, want)
	}
}

// A client that asks whether it may send a body is told so before it does.
func TestContinue(t *testing.T) {
	null := &nulls3.Server{}
	conn, in := dial(t, serve(t, null))
	resp, _ := exchange(t, conn, in, "PUT /b/k HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
	if resp.StatusCode != http.StatusContinue {
		t.Fatalf("the answer to a header is %s, want 100", resp.Status)
	}
	if resp, _ = exchange(t, conn, in, "abc"); resp.StatusCode != http.StatusOK {
		t.Errorf("the answer to the body is %s, want 200", resp.Status)
	}
}

// Whoever is refused reads why, even if it sends all of a body first.
func TestRefusalReachesTheSender(t *testing.T) {
	conn, in := dial(t, serve(t, &nulls3.Server{}))
	body := strings.Repeat("x", 8<<20)
	resp, said := exchange(t, conn, in, "PUT /b/k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"+body)
	if resp.StatusCode != http.StatusNotImplemented || !strings.Contains(said, "Transfer-Encoding") {
		t.Errorf("the answer is %s, %q; want 501 with the reason", resp.Status, said)
	}
}

// A body that ends too soon was not put.
func TestBodyCutOff(t *testing.T) {
	null := &nulls3.Server{}
	conn, in := dial(t, serve(t, null))
	if _, err := io.WriteString(conn, "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(in); len(answer) > 0 || err != nil {
		t.Errorf("the answer is %q, %v; want none", answer, err)
	}
	if got, want := null.Stats(), (nulls3.Stats{Connections: 1}); got != want {
		t.Errorf("Stats() = %+v, want %+v", got, want)
	}
}

// pipes is a listener of connections within the process, for a clock of the
// test's own.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{} }

// Each answer waits for as long as the server is away, and no longer.
func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		null := &nulls3.Server{Latency: 20 * time.Millisecond}
		ctx, stop := context.WithCancel(t.Context())
		listener, served := make(pipes), make(chan error, 1)
		go func() { served <- null.Serve(ctx, listener) }()
		client, server := net.Pipe()
		listener <- server
		in := bufio.NewReader(client)
		for i := range 3 {
			began := time.Now()
			exchange(t, client, in, fmt.Sprintf("PUT /b/%d HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", i))
			if took := time.Since(began); took != null.Latency {
				t.Errorf("answer %d came after %v, want %v", i, took, null.Latency)
			}
		}
		stop()
		close(listener)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if _, err := in.ReadByte(); err == nil {
			t.Error("the connection is open although Serve has returned")
		}
	})
}
