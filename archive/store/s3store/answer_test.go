package s3store_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"

	"logstow/archive/store/s3store"
)

// Whatever is understood, net/http understands too, and in the same way: no
// answer may end elsewhere for the one than for the other.
func FuzzReadAnswer(f *testing.F) {
	for _, seed := range []string{
		success + success,
		"HTTP/1.1 100 Continue\r\n\r\n" + success,
		"HTTP/1.0 200 OK\r\n\r\nrest",
		"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nxyz",
		"HTTP/1.1 412 X\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nxx\r\n0\r\nA: b\r\n\r\nrest",
		"HTTP/1.1 403 X\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\nContent-Length: 8\r\nconnection: close\r\n\r\n<Error/>",
		"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n0\r\n0\r\n\r\n",
		"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n",
		"HTTP/1.0 200 \r\na\"b:\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		status, content, rest, err := s3store.ReadAnswer(b)
		if err != nil {
			return
		}
		r := bufio.NewReader(bytes.NewReader(b))
		var want *http.Response
		for want == nil || want.StatusCode < 200 {
			if want, err = http.ReadResponse(r, &http.Request{Method: http.MethodPut}); err != nil {
				t.Fatalf("%q is answer %d; net/http: %v", b, status, err)
			}
		}
		wantContent, err := io.ReadAll(want.Body)
		if err != nil {
			t.Fatalf("the content of %q is %q; net/http: %v", b, content, err)
		}
		wantRest, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if status != want.StatusCode || !bytes.Equal(content, wantContent) || !bytes.Equal(rest, wantRest) {
			t.Errorf("%q is status %d, %q and then %q; net/http: %d, %q and then %q",
				b, status, content, rest, want.StatusCode, wantContent, wantRest)
		}
	})
}
