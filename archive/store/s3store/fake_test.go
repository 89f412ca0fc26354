package s3store_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"logstow/archive/store"
	"logstow/archive/store/s3store"
	"logstow/archive/store/storetest/gateway"
)

// answer is what a fake server says to one request. It stands in for what
// versitygw can't be made to do.
type answer struct {
	status int
	code   string // of S3; "": an empty body
	hangUp bool   // no answer at all
}

// fake starts a server that gives these answers, the last one again and again,
// and returns a store on it and the number of requests so far.
func fake(t *testing.T, c s3store.Config, see func(r *http.Request, body []byte), answers ...answer) (*s3store.Store, *atomic.Int32) {
	t.Helper()
	var n atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := answers[min(int(n.Add(1)), len(answers))-1]
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read a request: %v", err)
		}
		if see != nil {
			see(r, body)
		}
		if a.hangUp {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("X-Amz-Request-Id", "REQ123")
		w.WriteHeader(a.status)
		if a.code != "" {
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>The server says so.</Message><RequestId>REQ123</RequestId></Error>", a.code)
		}
	}))
	t.Cleanup(server.Close)
	(&gateway.Gateway{}).Setenv(t)
	c.Bucket, c.Endpoint, c.PathStyle = "bucket", server.URL, true
	c.MaxBackoff = cmp.Or(c.MaxBackoff, time.Millisecond)
	if c.MaxAttempts == 0 {
		c.MaxAttempts = 4
	}
	return open(t, c), &n
}

func TestPutSends(t *testing.T) {
	content := bytes.Repeat([]byte("content "), 1000)
	sha := sha256.Sum256(content)
	crc := crc32.Checksum(content, crc32.MakeTable(crc32.Castagnoli))
	headers := make(chan http.Header, 10)
	s, _ := fake(t, s3store.Config{
		Prefix: "p", SSE: "aws:kms", KMSKey: "key-1", StorageClass: "STANDARD_IA",
		Tags: map[string]string{"team": "a&b c", "cost": "1"}, LockMode: "COMPLIANCE", LockDays: 30,
	}, func(r *http.Request, body []byte) {
		headers <- r.Header.Clone()
		if r.Method != http.MethodPut || r.URL.EscapedPath() != "/bucket/p/a%20b" || r.ContentLength != int64(len(content)) || !bytes.Equal(body, content) {
			t.Errorf("%s %s with %d of %d bytes", r.Method, r.URL.EscapedPath(), len(body), r.ContentLength)
		}
	}, answer{status: 200})
	err := s.Put(t.Context(), "a b", store.Bytes(content), store.PutOptions{IfAbsent: true, Metadata: map[string]string{"logstow-x": "y"}})
	if err != nil {
		t.Fatalf("Put: %v", err)
	}
	header := <-headers
	for name, want := range map[string]string{
		"X-Amz-Content-Sha256":                        hex.EncodeToString(sha[:]),
		"X-Amz-Checksum-Crc32c":                       base64.StdEncoding.EncodeToString([]byte{byte(crc >> 24), byte(crc >> 16), byte(crc >> 8), byte(crc)}),
		"X-Amz-Server-Side-Encryption":                "aws:kms",
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "key-1",
		"X-Amz-Storage-Class":                         "STANDARD_IA",
		"X-Amz-Tagging":                               "cost=1&team=a%26b%20c",
		"X-Amz-Object-Lock-Mode":                      "COMPLIANCE",
		"X-Amz-Meta-Logstow-X":                        "y",
		"Content-Type":                                "application/json",
		"If-None-Match":                               "*",
		"If-Match":                                    "",
		"X-Amz-Trailer":                               "",
		"Accept-Encoding":                             "",
		"Content-Encoding":                            "",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("Put sends %s: %q, want %q", name, got, want)
		}
	}
	until, err := time.Parse(time.RFC3339, header.Get("X-Amz-Object-Lock-Retain-Until-Date"))
	if days := time.Until(until).Hours() / 24; err != nil || days < 29.9 || days > 30.1 {
		t.Errorf("Put sends a lock until %v, %v; want 30 days from now", until, err)
	}
	if err := s.Put(t.Context(), "a b", store.Bytes(content), store.PutOptions{IfMatch: `"etag"`, ContentType: "application/zstd"}); err != nil {
		t.Fatalf("Put: %v", err)
	}
	header = <-headers
	if got := []string{header.Get("If-Match"), header.Get("If-None-Match"), header.Get("Content-Type")}; fmt.Sprint(got) != `["etag"  application/zstd]` {
		t.Errorf("Put if match sends %q", got)
	}
}

func TestPutRepeats(t *testing.T) {
	conflict := answer{status: 409, code: "ConditionalRequestConflict"}
	slow := answer{status: 503, code: "SlowDown"}
	lost := answer{hangUp: true}
	good := answer{status: 200}
	for _, test := range []struct {
		name     string
		answers  []answer
		requests int32
		want     error
	}{
		{"one conflict", []answer{conflict, good}, 2, nil},
		{"a conflict that another won", []answer{conflict, {status: 412, code: "PreconditionFailed"}}, 2, fs.ErrExist},
		{"endless conflicts", []answer{conflict}, 4, store.ErrUnavailable},
		{"slow down", []answer{slow, slow, good}, 3, nil},
		{"slow down for ever", []answer{slow}, 4, store.ErrUnavailable},
		{"too many requests", []answer{{status: 429}, good}, 2, nil},
		{"too many requests for ever", []answer{{status: 429, code: "TooManyRequests"}}, 4, store.ErrUnavailable},
		{"an internal error", []answer{{status: 500, code: "InternalError"}, good}, 2, nil},
		{"a bad gateway", []answer{{status: 502}}, 4, store.ErrUnavailable},
		{"a lost answer", []answer{lost, good}, 2, nil},
		{"a lost answer to a write that took effect", []answer{lost, {status: 412, code: "PreconditionFailed"}}, 2, fs.ErrExist},
		{"no answers", []answer{lost}, 4, store.ErrUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, n := fake(t, s3store.Config{}, func(_ *http.Request, body []byte) {
				if string(body) != "content" {
					t.Errorf("a repeated request holds %q", body)
				}
			}, test.answers...)
			err := s.Put(t.Context(), "a/b", store.Bytes([]byte("content")), store.PutOptions{IfAbsent: true})
			if !errors.Is(err, test.want) {
				t.Errorf("Put = %v, want %v", err, test.want)
			}
			if n.Load() != test.requests {
				t.Errorf("Put made %d requests, want %d", n.Load(), test.requests)
			}
			if err != nil && !strings.Contains(err.Error(), "a/b") {
				t.Errorf("Put = %q, which does not name the key", err)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	for _, test := range []struct {
		status int
		code   string
		want   []error
		not    []error
		says   string
	}{
		{403, "AccessDenied", []error{store.ErrRefused, fs.ErrPermission}, []error{store.ErrCredentials, fs.ErrNotExist}, "policies"},
		{403, "", []error{store.ErrRefused, fs.ErrPermission}, nil, "status 403"},
		{403, "InvalidAccessKeyId", []error{store.ErrRefused, store.ErrCredentials}, []error{fs.ErrPermission}, "access key"},
		{403, "SignatureDoesNotMatch", []error{store.ErrRefused, store.ErrCredentials}, nil, "secret key"},
		{400, "ExpiredToken", []error{store.ErrRefused, store.ErrCredentials}, nil, "log in again"},
		{403, "RequestTimeTooSkewed", []error{store.ErrRefused}, []error{fs.ErrPermission}, "clock"},
		{404, "NoSuchBucket", []error{store.ErrRefused}, []error{fs.ErrNotExist}, "create the bucket"},
		{404, "NoSuchKey", []error{fs.ErrNotExist}, []error{store.ErrRefused}, ""},
		{400, "KMS.DisabledException", []error{store.ErrRefused}, []error{store.ErrUnavailable}, "KMS key"},
		{400, "KMS.NotFoundException", []error{store.ErrRefused}, nil, "KMS key"},
		{400, "InvalidRequest", []error{store.ErrRefused}, nil, "REQ123"},
		{400, "AuthorizationHeaderMalformed", []error{store.ErrRefused}, nil, "region"},
		{400, "KeyTooLongError", []error{fs.ErrInvalid}, []error{store.ErrRefused}, ""},
		{400, "BadDigest", nil, []error{store.ErrRefused, store.ErrUnavailable}, "changed on its way"},
		{403, "InvalidObjectState", []error{store.ErrRefused}, []error{fs.ErrPermission}, "restore it"},
		{501, "NotImplemented", []error{store.ErrRefused, errors.ErrUnsupported}, []error{store.ErrUnavailable}, ""},
	} {
		t.Run(fmt.Sprint(test.status, test.code), func(t *testing.T) {
			s, _ := fake(t, s3store.Config{MaxAttempts: 1}, nil, answer{status: test.status, code: test.code})
			_, _, getErr := s.Get(t.Context(), "a/b", store.Range{})
			var listErr error
			for _, err := range s.List(t.Context(), store.ListOptions{}) {
				listErr = err
			}
			for call, err := range map[string]error{
				"Put":    s.Put(t.Context(), "a/b", store.Bytes(nil), store.PutOptions{}),
				"Get":    getErr,
				"List":   listErr,
				"Delete": s.Delete(t.Context(), "a/b", "c/d"),
			} {
				if err == nil {
					t.Errorf("%s = nil, want an error", call)
					continue
				}
				for _, want := range test.want {
					if !errors.Is(err, want) {
						t.Errorf("%s = %v, want it to be %v", call, err, want)
					}
				}
				for _, not := range append(test.not, fs.ErrExist, store.ErrChanged) {
					if errors.Is(err, not) {
						t.Errorf("%s = %v, want it not to be %v", call, err, not)
					}
				}
				for _, says := range []string{test.says, test.code, "REQ123"} {
					if !strings.Contains(err.Error(), says) {
						t.Errorf("%s = %q, want %q in it", call, err, says)
					}
				}
			}
		})
	}
}

func TestStatErrors(t *testing.T) {
	for status, want := range map[int]error{404: fs.ErrNotExist, 403: fs.ErrPermission, 503: store.ErrUnavailable} {
		s, _ := fake(t, s3store.Config{MaxAttempts: 1}, nil, answer{status: status})
		if _, err := s.Stat(t.Context(), "a/b"); !errors.Is(err, want) {
			t.Errorf("Stat answered with %d = %v, want %v", status, err, want)
		}
	}
}

func TestIfMatchOfNothing(t *testing.T) {
	s, _ := fake(t, s3store.Config{}, nil, answer{status: 404, code: "NoSuchKey"})
	err := s.Put(t.Context(), "a/b", store.Bytes(nil), store.PutOptions{IfMatch: "x"})
	if !errors.Is(err, store.ErrChanged) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Put if match answered with NoSuchKey = %v, want ErrChanged alone", err)
	}
}

func TestUnreachable(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	(&gateway.Gateway{}).Setenv(t)
	s := open(t, s3store.Config{Bucket: "bucket", Endpoint: server.URL, PathStyle: true, MaxAttempts: 2, MaxBackoff: time.Millisecond})
	err := s.Put(t.Context(), "a/b", store.Bytes(nil), store.PutOptions{})
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("Put without a server = %v, want ErrUnavailable and why", err)
	}
}

func TestNoAnswerInTime(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	(&gateway.Gateway{}).Setenv(t)
	s := open(t, s3store.Config{
		Bucket: "bucket", Endpoint: server.URL, PathStyle: true,
		MaxAttempts: 2, MaxBackoff: time.Millisecond, ResponseTimeout: 20 * time.Millisecond,
	})
	if _, err := s.Stat(t.Context(), "a/b"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Stat of a server that is silent = %v, want ErrUnavailable", err)
	}
}

func TestNoCredentials(t *testing.T) {
	(&gateway.Gateway{}).Setenv(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	s := open(t, s3store.Config{Bucket: "bucket", Endpoint: "http://127.0.0.1:9", PathStyle: true})
	err := s.Put(t.Context(), "a/b", store.Bytes(nil), store.PutOptions{})
	if !errors.Is(err, store.ErrCredentials) || !errors.Is(err, store.ErrRefused) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Put without credentials = %v, want ErrCredentials and ErrRefused", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	(&gateway.Gateway{}).Setenv(t)
	t.Setenv("AWS_REGION", "")
	for name, c := range map[string]s3store.Config{
		"no region":       {Bucket: "bucket"},
		"a bad prefix":    {Bucket: "bucket", Region: "x", Prefix: "a//b"},
		"a bad lock":      {Bucket: "bucket", Region: "x", LockDays: 3},
		"no bucket":       {Region: "x"},
		"absent profiles": {Bucket: "bucket", Region: "x", Profile: "absent"},
	} {
		if _, err := s3store.Open(t.Context(), c); err == nil {
			t.Errorf("Open with %s = nil, want an error", name)
		}
	}
}

// TestBodyBreaksOff checks that an answer that is cut short, or is not what the
// server's own checksum says, is an error and not the end of the object.
func TestBodyBreaksOff(t *testing.T) {
	for _, damage := range []string{"short", "changed"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			sum := crc32.Checksum([]byte("content"), store.Castagnoli)
			w.Header().Set("X-Amz-Checksum-Crc32c", base64.StdEncoding.EncodeToString([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}))
			w.Header().Set("Content-Length", "7")
			switch damage {
			case "short":
				_, _ = w.Write([]byte("con"))
			case "changed":
				_, _ = w.Write([]byte("contend"))
			}
		}))
		(&gateway.Gateway{}).Setenv(t)
		s := open(t, s3store.Config{Bucket: "bucket", Endpoint: server.URL, PathStyle: true})
		r, _, err := s.Get(t.Context(), "a/b", store.Range{})
		if err != nil {
			t.Fatalf("Get: %v", err)
		}
		b, err := io.ReadAll(r)
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a body that was %s reads as %q, %v; want ErrUnavailable", damage, b, err)
		}
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		server.Close()
	}
}

func TestListDistrustsServer(t *testing.T) {
	for name, contents := range map[string]string{
		"keys out of order":         "<Contents><Key>p/b</Key></Contents><Contents><Key>p/a</Key></Contents>",
		"the same key twice":        "<Contents><Key>p/b</Key></Contents><Contents><Key>p/b</Key></Contents>",
		"a key outside the prefix":  "<Contents><Key>q/b</Key></Contents>",
		"an encoding that is wrong": "<EncodingType>url</EncodingType><Contents><Key>p/%zz</Key></Contents>",
		"more, but no token":        "<IsTruncated>true</IsTruncated>",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, "<ListBucketResult>%s</ListBucketResult>", contents)
		}))
		(&gateway.Gateway{}).Setenv(t)
		s := open(t, s3store.Config{Bucket: "bucket", Prefix: "p", Endpoint: server.URL, PathStyle: true})
		var last error
		for _, err := range s.List(t.Context(), store.ListOptions{}) {
			last = err
		}
		if !errors.Is(last, store.ErrRefused) {
			t.Errorf("List of %s ends with %v, want ErrRefused", name, last)
		}
		server.Close()
	}
}

func TestDeleteNamesKeys(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-MD5") == "" {
			t.Error("DeleteObjects comes without Content-MD5")
		}
		fmt.Fprint(w, "<DeleteResult><Error><Key>p/b</Key><Code>AccessDenied</Code><Message>no</Message></Error>"+
			"<Error><Key>p/c</Key><Code>SlowDown</Code></Error><Error><Key>p/d</Key><Code>NoSuchKey</Code></Error></DeleteResult>")
	}))
	defer server.Close()
	(&gateway.Gateway{}).Setenv(t)
	s := open(t, s3store.Config{Bucket: "bucket", Prefix: "p", Endpoint: server.URL, PathStyle: true})
	err := s.Delete(t.Context(), "a", "b", "c", "d")
	if !errors.Is(err, fs.ErrPermission) || !errors.Is(err, store.ErrUnavailable) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Delete = %v, want a forbidden and a throttled key", err)
	}
	for key, want := range map[string]bool{"delete a:": false, "delete b:": true, "delete c:": true, "delete d:": false} {
		if strings.Contains(fmt.Sprint(err), key) != want {
			t.Errorf("Delete = %q, want %q in it: %v", err, key, want)
		}
	}
}

func TestCancelWhileRepeating(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, n := fake(t, s3store.Config{MaxAttempts: 1000}, func(*http.Request, []byte) { cancel() }, answer{status: 503, code: "SlowDown"})
	err := s.Put(ctx, "a/b", store.Bytes(nil), store.PutOptions{})
	if !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Put whose context ended while it was throttled = %v, want context.Canceled alone", err)
	}
	if n.Load() != 1 {
		t.Errorf("%d requests, of which %d came after the context had ended", n.Load(), n.Load()-1)
	}
}

// TestPutOverTLS checks that content is signed as a whole over TLS too, and
// never sent in chunks with a trailer, as is the SDK's habit.
func TestPutOverTLS(t *testing.T) {
	content := []byte("content")
	sum := sha256.Sum256(content)
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(body, content) {
			t.Errorf("a request holds %q, %v", body, err)
		}
		if got := r.Header.Get("X-Amz-Content-Sha256"); got != hex.EncodeToString(sum[:]) {
			t.Errorf("Put sends X-Amz-Content-Sha256: %s, want the content's hash", got)
		}
		if r.Header.Get("X-Amz-Trailer") != "" || r.Header.Get("X-Amz-Checksum-Crc32c") == "" {
			t.Errorf("Put sends %v, want the checksum in a header", r.Header)
		}
	}))
	defer server.Close()
	(&gateway.Gateway{}).Setenv(t)
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	pemBytes := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(bundle, pemBytes, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	s := open(t, s3store.Config{Bucket: "bucket", Endpoint: server.URL, PathStyle: true, MaxAttempts: 2, MaxBackoff: time.Millisecond})
	for _, metadata := range []map[string]string{nil, {"logstow-lines": "1"}} {
		err := s.Put(t.Context(), "a/b", store.Bytes(content), store.PutOptions{IfAbsent: true, Metadata: metadata})
		if err != nil {
			t.Errorf("Put with metadata %v over TLS: %v", metadata, err)
		}
	}
}

// failing can't be read beyond its first byte.
type failing struct{}

var errUnreadable = errors.New("unreadable")

func (failing) ReadAt(p []byte, off int64) (int, error) {
	if off > 0 || len(p) == 0 {
		return 0, errUnreadable
	}
	return copy(p, "x"), errUnreadable
}

// TestPutOfUnreadable checks that what can't be read is not tried again, nor
// taken for the store's fault.
func TestPutOfUnreadable(t *testing.T) {
	var mu sync.Mutex
	requests := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		requests[r.URL.Path]++
		mu.Unlock()
		_, _ = io.Copy(io.Discard, r.Body) // it breaks off
	}))
	(&gateway.Gateway{}).Setenv(t)
	s := open(t, s3store.Config{Bucket: "bucket", Endpoint: server.URL, PathStyle: true, MaxBackoff: time.Millisecond})
	for _, size := range []int64{100, 3 << 20} {
		for i, metadata := range []map[string]string{nil, {"logstow-lines": "1"}} {
			key := fmt.Sprintf("%d/%d", size, i)
			err := s.Put(t.Context(), key, store.Body{ReaderAt: failing{}, Size: size}, store.PutOptions{Metadata: metadata})
			if !errors.Is(err, errUnreadable) || errors.Is(err, store.ErrUnavailable) {
				t.Errorf("Put of %d bytes that can't be read = %v, want why", size, err)
			}
		}
	}
	server.Close() // when all requests have been seen
	for path, n := range requests {
		if n > 1 {
			t.Errorf("%d requests for %s, which can't be read, want 1 at most", n, path)
		}
	}
}

// TestBodyIsGivenBack checks that nothing of a body is read once the Put is
// over, as net/http may try to where the server answered early.
func TestBodyIsGivenBack(t *testing.T) {
	reading, release := make(chan struct{}), make(chan struct{})
	sent, finish := s3store.NewContent(readerAt(func(p []byte, off int64) (int, error) {
		if off > 0 {
			t.Errorf("the body was read from %d after the Put was over", off)
		}
		close(reading)
		<-release
		return len(p), nil
	}), 100)
	go func() { _, _ = sent.Read(make([]byte, 10)) }() // it is looked at below
	<-reading
	finished := make(chan error)
	go func() { finished <- finish() }()
	select {
	case err := <-finished:
		t.Fatalf("the Put was over (%v) while its body was being read", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(release)
	if err := <-finished; err != nil {
		t.Errorf("finish = %v", err)
	}
	if n, err := sent.Read(make([]byte, 10)); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Read after the Put was over = %d, %v; want io.ErrClosedPipe", n, err)
	}
}

type readerAt func(p []byte, off int64) (int, error)

func (f readerAt) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }
