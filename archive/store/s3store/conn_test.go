package s3store_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"logstow/archive/store"
	"logstow/archive/store/s3store"
	"logstow/archive/store/storetest/gateway"
)

// Two Puts, one after the other, get the same answer. Where it is understood
// and nothing speaks against it, both go over one connection. Where it isn't,
// the SDK makes the request again.
func TestAnswers(t *testing.T) {
	const (
		reused   = iota // both over one connection
		fresh           // each over one of its own
		bySDK           // each over one of its own, and by the SDK then
		unwanted        // both over one connection, and by the SDK then: it is understood, but no success
	)
	for name, test := range map[string]struct {
		answer string
		want   int
		err    error
	}{
		"success":                        {success, reused, nil},
		"lines that end as in Unix":      {"HTTP/1.1 200\ncontent-length: 0\n\n", bySDK, nil},
		"kept alive in so many words":    {"HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", reused, nil},
		"one length said twice":          {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", reused, nil},
		"no content":                     {"HTTP/1.1 204 No Content\r\n\r\n", unwanted, nil},
		"no chunks":                      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", reused, nil},
		"no chunks but a trailer":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n", reused, nil},
		"go on first":                    {"HTTP/1.1 100 Continue\r\n\r\n" + success, reused, nil},
		"hints first":                    {"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + success, reused, nil},
		"taken":                          {"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 8\r\n\r\n<Error/>", reused, fs.ErrExist},
		"taken, in chunks":               {"HTTP/1.1 412 Precondition Failed\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n<Err\r\n4\r\nor/>\r\n0\r\n\r\n", reused, fs.ErrExist},
		"the connection's end announced": {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", fresh, nil},
		"the end of chunks announced":    {"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", fresh, nil},
		"another protocol announced":     {"HTTP/1.1 200 OK\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n", fresh, nil},
		"HTTP/1.0":                       {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", fresh, nil},
		"an answer unasked":              {success + success, fresh, nil},
		"a byte too much":                {success + "\n", fresh, nil},
		"an error with status 200":       {"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n<Error/>", unwanted, nil},
		"the same in chunks":             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n<Error/>\r\n0\r\n\r\n", unwanted, nil},
		"another protocol":               {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", bySDK, nil},
		"endless promises":               {strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 50) + success, bySDK, nil},
		"endless headers":                {"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 20000), bySDK, nil},
		"an endless line":                {"HTTP/1.1 200 OK\r\nA: " + strings.Repeat("b", 100000) + "\r\n\r\n", bySDK, nil},
		"endless content":                {"HTTP/1.1 412 X\r\nContent-Length: 99999999999\r\n\r\nx", bySDK, nil},
		"endless chunks":                 {"HTTP/1.1 412 X\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("400\r\n"+strings.Repeat("x", 1024)+"\r\n", 80) + "0\r\n\r\n", bySDK, nil},
		"two lengths":                    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\nx", bySDK, nil},
		"a length and chunks":            {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", bySDK, nil},
		"a negative length":              {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", bySDK, nil},
		"a length with a sign":           {"HTTP/1.1 200 OK\r\nContent-Length: +0\r\n\r\n", bySDK, nil},
		"a length that is nothing":       {"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", bySDK, nil},
		"a huge length":                  {"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n", bySDK, nil},
		"compressed":                     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", bySDK, nil},
		"chunked twice":                  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", bySDK, nil},
		"chunks of HTTP/1.0":             {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", bySDK, nil},
		"a chunk of no size":             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n\r\n", bySDK, nil},
		"a header over two lines":        {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n", bySDK, nil},
		"a space before the colon":       {"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n", bySDK, nil},
		"no colon":                       {"HTTP/1.1 200 OK\r\nContent-Length 0\r\n\r\n", bySDK, nil},
		"a control character":            {"HTTP/1.1 200 OK\r\nA: \x00\r\nContent-Length: 0\r\n\r\n", bySDK, nil},
		"HTTP/2":                         {"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", bySDK, nil},
		"half a status":                  {"HTTP/1.1 20\r\nContent-Length: 0\r\n\r\n", bySDK, nil},
		"too much of a status":           {"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", bySDK, nil},
		"no status":                      {"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n", bySDK, nil},
		"a status of nothing":            {"HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n", bySDK, nil},
		"garbage":                        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", bySDK, nil},
	} {
		t.Run(name, func(t *testing.T) {
			server, s := script(t, s3store.Config{}, func(a *asked) bool { return a.say(test.answer) })
			for range 2 {
				err := s.Put(t.Context(), "k", store.Bytes([]byte("x")), store.PutOptions{IfAbsent: true})
				if !errors.Is(err, test.err) || err != nil && test.err == nil {
					t.Errorf("Put = %v, want %v", err, test.err)
				}
			}
			own, sdk, conns := server.counts()
			want := map[int][3]int{reused: {2, 0, 1}, fresh: {2, 0, 2}, bySDK: {2, 2, 2}, unwanted: {2, 2, 1}}[test.want]
			if got := [3]int{own, sdk, conns}; got != want {
				t.Errorf("made directly, by the SDK, connections: %d, want %d", got, want)
			}
		})
	}
}

// An answer that breaks off anywhere is none.
func TestAnswerBreaksOff(t *testing.T) {
	for _, whole := range []string{
		success,
		"HTTP/1.1 412 X\r\nContent-Length: 8\r\n\r\n<Error/>",
		"HTTP/1.1 412 X\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n<Error/>\r\n0\r\n\r\n",
	} {
		var end atomic.Int32
		server, s := script(t, s3store.Config{}, func(a *asked) bool {
			a.say(whole[:end.Load()])
			return false
		})
		for i := range len(whole) {
			end.Store(int32(i))
			if err := s.Put(t.Context(), "k", store.Bytes([]byte("x")), store.PutOptions{IfAbsent: true}); err != nil {
				t.Errorf("Put, answered with %q: %v; want what the SDK is told", whole[:i], err)
			}
			if own, sdk, _ := server.counts(); own != i+1 || sdk != i+1 {
				t.Fatalf("answered with %q: %d requests and %d by the SDK, want %d each", whole[:i], own, sdk, i+1)
			}
		}
	}
}

// An answer that ends with its connection is one.
func TestAnswerUntilTheEnd(t *testing.T) {
	server, s := script(t, s3store.Config{}, func(a *asked) bool {
		a.say("HTTP/1.1 200 OK\r\n\r\n")
		return false
	})
	for range 3 {
		if err := s.Put(t.Context(), "k", store.Bytes([]byte("x")), store.PutOptions{}); err != nil {
			t.Errorf("Put: %v", err)
		}
	}
	if own, sdk, conns := server.counts(); own != 3 || sdk != 0 || conns != 3 {
		t.Errorf("%d requests, %d by the SDK, over %d connections; want 3, 0, 3", own, sdk, conns)
	}
}

// A server that closes after each answer without saying so costs a connection
// each time and nothing else: whether it is noticed before or after sending.
func TestClosedWithoutAWord(t *testing.T) {
	server, s := script(t, s3store.Config{}, func(a *asked) bool {
		a.say(success)
		return false
	})
	for i := range 200 {
		size := 1 + i%2*100_000
		if err := s.Put(t.Context(), "k", store.Bytes(make([]byte, size)), store.PutOptions{}); err != nil {
			t.Fatalf("Put: %v", err)
		}
	}
	if own, sdk, conns := server.counts(); own != 200 || sdk != 0 || conns != 200 {
		t.Errorf("%d requests, %d by the SDK, over %d connections; want 200, 0, 200", own, sdk, conns)
	}
}

// A server that hangs up on whatever comes over a connection that was used
// before is asked once more over a new one; what happens there is the end.
func TestHangsUpOnTheSecond(t *testing.T) {
	var seen sync.Map
	server, s := script(t, s3store.Config{}, func(a *asked) bool {
		_, again := seen.LoadOrStore(a.Conn, true)
		return !again && a.say(success)
	})
	for range 3 {
		if err := s.Put(t.Context(), "k", store.Bytes([]byte("x")), store.PutOptions{}); err != nil {
			t.Fatalf("Put: %v", err)
		}
	}
	if own, sdk, conns := server.counts(); own != 5 || sdk != 0 || conns != 3 {
		t.Errorf("%d requests, %d by the SDK, over %d connections; want 5, 0, 3", own, sdk, conns)
	}
}

// What a server says unasked, when nobody waits for an answer, must not be
// taken for the next one: that object would be lost.
func TestSaysSomethingUnasked(t *testing.T) {
	unasked := make(chan net.Conn, 1)
	server, s := script(t, s3store.Config{}, func(a *asked) bool {
		if a.nth > 1 {
			a.read()
			return false // takes nothing
		}
		ok := a.say(success)
		unasked <- a.Conn
		return ok
	})
	put := func() error {
		return s.Put(t.Context(), "k", store.Bytes([]byte("x")), store.PutOptions{IfAbsent: true})
	}
	if err := put(); err != nil {
		t.Fatalf("Put: %v", err)
	}
	if _, err := io.WriteString(<-unasked, success); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what was said unasked arrives", func() bool {
		kept, quiet := s3store.Idle(s)
		return kept == 1 && quiet == 0
	})
	if err := put(); err != nil {
		t.Fatalf("Put: %v", err)
	}
	if own, sdk, _ := server.counts(); own != 2 || sdk != 1 {
		t.Errorf("%d requests and %d by the SDK, want 2 and the one that succeeds", own, sdk)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// A server may answer before it has read everything, or anything.
func TestAnswersEarly(t *testing.T) {
	for _, size := range []int{1, 8 << 10, 1 << 20} {
		server, s := script(t, s3store.Config{}, func(a *asked) bool {
			_, err := io.WriteString(a, success)
			return err == nil && a.read()
		})
		for range 3 {
			if err := s.Put(t.Context(), "k", store.Bytes(make([]byte, size)), store.PutOptions{}); err != nil {
				t.Errorf("Put of %d bytes: %v", size, err)
			}
		}
		if own, sdk, conns := server.counts(); own != 3 || sdk != 0 || conns != 1 {
			t.Errorf("%d bytes: %d requests, %d by the SDK, over %d connections; want 3, 0, 1", size, own, sdk, conns)
		}
	}
}

// A server that never answers, or stops reading, is left to the SDK in time.
func TestNeverAnswers(t *testing.T) {
	for name, answer := range map[string]func(*asked){
		"silence":        func(a *asked) { a.read() },
		"no reading":     func(*asked) {},
		"half an answer": func(a *asked) { a.say("HTTP/1.1 200 OK\r\nContent-Le") },
	} {
		t.Run(name, func(t *testing.T) {
			end := make(chan struct{})
			server, s := script(t, s3store.Config{ResponseTimeout: time.Second}, func(a *asked) bool {
				answer(a)
				<-end
				return false
			})
			defer close(end)
			if err := s.Put(t.Context(), "k", store.Bytes(make([]byte, 1<<20)), store.PutOptions{}); err != nil {
				t.Errorf("Put: %v", err)
			}
			if own, sdk, _ := server.counts(); own != 1 || sdk < 1 {
				t.Errorf("%d requests and %d by the SDK, want 1 and what succeeds", own, sdk)
			}
		})
	}
}

// The end of a context ends a Put in whatever it is waiting for, and leaves
// nothing behind.
func TestContextEnds(t *testing.T) {
	for name, answer := range map[string]func(*asked){
		"before the request is read":  func(*asked) {},
		"before the answer":           func(a *asked) { a.read() },
		"in the midst of an answer":   func(a *asked) { a.say("HTTP/1.1 200 OK\r\nContent-Le") },
		"in the midst of its content": func(a *asked) { a.say("HTTP/1.1 412 X\r\nContent-Length: 8\r\n\r\n<Err") },
		"before the end of chunks":    func(a *asked) { a.say("HTTP/1.1 412 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxx\r\n") },
		"after a promise":             func(a *asked) { a.say("HTTP/1.1 100 Continue\r\n\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			ctx, cancel := context.WithCancel(t.Context())
			end, done := make(chan struct{}), make(chan struct{})
			var server *scripted
			t.Run("", func(t *testing.T) { // so that the server has ended when leaks are looked for
				var s *s3store.Store
				server, s = script(t, s3store.Config{}, func(a *asked) bool {
					answer(a)
					cancel()
					<-end
					_, _ = io.Copy(io.Discard, a.r) // until the connection is closed
					close(done)
					return false
				})
				err := s.Put(ctx, "k", store.Bytes(make([]byte, 1<<20)), store.PutOptions{})
				if !errors.Is(err, context.Canceled) {
					t.Errorf("Put = %v, want context.Canceled", err)
				}
				close(end)
				<-done
				if own, sdk, _ := server.counts(); own != 1 || sdk != 0 {
					t.Errorf("%d requests and %d by the SDK, want 1 and none", own, sdk)
				}
			})
		})
	}
}

// So it does while a connection is being made.
func TestContextEndsWhileConnecting(t *testing.T) {
	for _, endpoint := range []string{"http://example.com", "https://example.com"} {
		(&gateway.Gateway{}).Setenv(t)
		ctx, cancel := context.WithCancel(t.Context())
		here, there := net.Pipe()
		s, err := s3store.OpenOver(ctx, s3store.Config{Bucket: "bucket", Endpoint: endpoint}, func(tr *http.Transport) {
			tr.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
				if strings.HasPrefix(endpoint, "https") {
					go func() { // in the midst of the handshake
						_, _ = there.Read(make([]byte, 1))
						cancel()
					}()
					return here, nil
				}
				cancel()
				<-ctx.Done()
				return nil, ctx.Err()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Put(ctx, "k", store.Bytes([]byte("x")), store.PutOptions{}); !errors.Is(err, context.Canceled) {
			t.Errorf("Put to %s = %v, want context.Canceled", endpoint, err)
		}
		there.Close()
	}
}

// There are never more connections than Puts at a time, each with one
// handshake, and over TLS those whose certificate AWS_CA_BUNDLE vouches for.
func TestConnectionsAreReused(t *testing.T) {
	const puts, atOnce = 400, 8
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			var conns, requests atomic.Int32
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if n, err := io.Copy(io.Discard, r.Body); n != 40_000 || err != nil || r.Header.Get("User-Agent") != "logstow" {
					t.Errorf("a request by %s with %d bytes, %v", r.Header.Get("User-Agent"), n, err)
				}
				if r.TLS != nil && (r.TLS.NegotiatedProtocol != "http/1.1" || r.TLS.Version < tls.VersionTLS12) {
					t.Errorf("%s over TLS %x", r.TLS.NegotiatedProtocol, r.TLS.Version)
				}
				requests.Add(1)
			}))
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					conns.Add(1)
				}
			}
			start := server.Start
			if scheme == "https" {
				start = server.StartTLS
			}
			start()
			defer server.Close()
			(&gateway.Gateway{}).Setenv(t)
			if scheme == "https" {
				t.Setenv("AWS_CA_BUNDLE", bundle(t, server))
			}
			s := open(t, s3store.Config{Bucket: "bucket", Endpoint: server.URL, PathStyle: true})
			var g errgroup.Group
			g.SetLimit(atOnce)
			for i := range puts {
				g.Go(func() error {
					return s.Put(t.Context(), fmt.Sprint(i), store.Bytes(make([]byte, 40_000)), store.PutOptions{IfAbsent: true})
				})
			}
			if err := g.Wait(); err != nil {
				t.Fatal(err)
			}
			if conns.Load() > atOnce || requests.Load() != puts {
				t.Errorf("%d connections for %d requests, want no more than %d for %d", conns.Load(), requests.Load(), atOnce, puts)
			}
		})
	}
}

func bundle(t *testing.T, server *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A server whose certificate nobody vouches for gets nothing.
func TestUnknownCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request came") }))
	server.Config.ErrorLog = nil
	server.StartTLS()
	defer server.Close()
	(&gateway.Gateway{}).Setenv(t)
	s := open(t, s3store.Config{Bucket: "bucket", Endpoint: server.URL, PathStyle: true, MaxAttempts: 2, MaxBackoff: time.Millisecond})
	if err := s.Put(t.Context(), "k", store.Bytes([]byte("x")), store.PutOptions{}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("Put = %v, want an error that names the certificate", err)
	}
}

// Where a proxy stands before the server, the SDK makes every request.
func TestProxied(t *testing.T) {
	var agents, dialled []string
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		agents = append(agents, r.URL.Host+" "+r.Header.Get("User-Agent"))
	}))
	defer proxy.Close()
	(&gateway.Gateway{}).Setenv(t)
	s, err := s3store.OpenOver(t.Context(), s3store.Config{Bucket: "bucket", Endpoint: "http://example.com", PathStyle: true}, func(tr *http.Transport) {
		tr.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }
		dial := tr.DialContext
		tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			dialled = append(dialled, address)
			return dial(ctx, network, address)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "k", store.Bytes([]byte("x")), store.PutOptions{}); err != nil {
		t.Fatalf("Put: %v", err)
	}
	if len(agents) != 1 || !strings.HasPrefix(agents[0], "example.com aws-sdk-go") {
		t.Errorf("the proxy saw %q, want one request by the SDK", agents)
	}
	if len(dialled) != 1 || "http://"+dialled[0] != proxy.URL {
		t.Errorf("connections to %q, want the proxy alone", dialled)
	}
}

// Idle connections are closed after their time, and those beyond what is kept
// at once.
func TestIdleConnectionsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var closed atomic.Int32
		let := make(chan struct{})
		do, idle := s3store.NewPool(func(context.Context) (net.Conn, error) {
			here, there := net.Pipe()
			go func() {
				defer closed.Add(1)
				b := make([]byte, 1000)
				for {
					if _, err := there.Read(b); err != nil {
						return
					}
					<-let
					_, _ = io.WriteString(there, success) // the client may be gone
				}
			}()
			return here, nil
		}, 2, 90*time.Second)
		var g errgroup.Group
		for range 3 {
			g.Go(func() error { return do(t.Context()) })
		}
		synctest.Wait()
		close(let)
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		check := func(when string, wantIdle int, wantClosed int32) {
			t.Helper()
			synctest.Wait()
			if idle() != wantIdle || closed.Load() != wantClosed {
				t.Errorf("%s %d are idle and %d closed, want %d and %d", when, idle(), closed.Load(), wantIdle, wantClosed)
			}
		}
		check("at first", 2, 1)
		time.Sleep(60 * time.Second)
		if err := do(t.Context()); err != nil {
			t.Fatal(err)
		}
		check("after a minute", 2, 1)
		time.Sleep(31 * time.Second)
		check("after 91 seconds", 1, 2)
		time.Sleep(60 * time.Second)
		check("at last", 0, 3)
	})
}
