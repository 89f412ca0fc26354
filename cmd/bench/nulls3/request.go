package nulls3

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// request is what the server must know of a request. Its bytes are good until
// the next one is read.
type request struct {
	method   string
	path     []byte // unescaped, without the slash at its beginning
	query    []byte // as it was sent
	size     int64  // of the body
	sum      []byte // X-Amz-Checksum-Crc32c
	ifAbsent bool   // If-None-Match: *
	ifMatch  bool   // If-Match
	copies   bool   // X-Amz-Copy-Source
	waits    bool   // Expect: 100-continue
	last     bool   // Connection: close
	host     bool
	sized    bool // Content-Length

	header int // bytes of it so far
}

// refusal is an answer to what is not understood.
type refusal struct {
	status        int
	code, message string
}

func (r *refusal) Error() string { return r.code + ": " + r.message }

func bad(message string) error {
	return &refusal{http.StatusBadRequest, "InvalidRequest", message}
}

const (
	maxHeader = 64 << 10 // bytes
	maxBody   = 5 << 30  // bytes, as of S3
)

// read reads all of a request but its body. Its error is a *refusal, or the
// connection's.
func (r *request) read(in *bufio.Reader) error {
	*r = request{path: r.path[:0], query: r.query[:0], sum: r.sum[:0]}
	line, err := r.line(in)
	if err != nil {
		return err
	}
	if err := r.first(line); err != nil {
		return err
	}
	for {
		line, err := r.line(in)
		if err != nil {
			return unfinished(err)
		}
		if len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 || bytes.ContainsAny(name, " \t") {
			return bad("a header line without a name")
		}
		if err := r.field(name, bytes.Trim(value, " \t")); err != nil {
			return err
		}
	}
	switch {
	case !r.host:
		return bad("no Host")
	case r.method == http.MethodPut && !r.sized:
		return &refusal{http.StatusLengthRequired, "MissingContentLength", "a PUT needs a Content-Length"}
	}
	return nil
}

// unfinished is the error of a request that ends in its header.
func unfinished(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// line reads one line and returns it without its end.
func (r *request) line(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	r.header += len(line)
	if errors.Is(err, bufio.ErrBufferFull) || r.header > maxHeader {
		return nil, &refusal{http.StatusRequestHeaderFieldsTooLarge, "RequestHeaderSectionTooLarge", "the header is larger than 64 KiB"}
	}
	if err != nil {
		return nil, err
	}
	line, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return nil, bad("a line that does not end in CR LF")
	}
	return line, nil
}

// methods are those that there may be, whatever the answer.
var methods = [...]string{http.MethodPut, http.MethodHead, http.MethodGet, http.MethodPost, http.MethodDelete}

// first reads the first line.
func (r *request) first(line []byte) error {
	method, rest, _ := bytes.Cut(line, []byte(" "))
	target, protocol, _ := bytes.Cut(rest, []byte(" "))
	if string(protocol) != "HTTP/1.1" {
		return &refusal{http.StatusHTTPVersionNotSupported, "InvalidRequest", "not a request of HTTP/1.1"}
	}
	for _, m := range methods {
		if string(method) == m {
			r.method = m
		}
	}
	if r.method == "" {
		return &refusal{http.StatusMethodNotAllowed, "MethodNotAllowed", "not a method that S3 has"}
	}
	path, query, _ := bytes.Cut(target, []byte("?"))
	if len(path) == 0 || path[0] != '/' {
		return bad("the request's target is not a path")
	}
	for _, b := range target {
		if b <= ' ' || b == 0x7f || b == '#' {
			return bad("the request's target has a byte that must be escaped")
		}
	}
	r.query = append(r.query, query...)
	if bytes.IndexByte(path, '%') < 0 {
		r.path = append(r.path, path[1:]...)
		return nil
	}
	unescaped, err := url.PathUnescape(string(path[1:]))
	if err != nil {
		return bad("the path is escaped wrongly")
	}
	r.path = append(r.path, unescaped...)
	return nil
}

// field reads one field of the header.
func (r *request) field(name, value []byte) error {
	is := func(s string) bool { return bytes.EqualFold(name, []byte(s)) }
	switch len(name) { // few of those that a request has are of interest
	case len("Host"):
		r.host = r.host || is("Host")
	case len("Expect"):
		if is("Expect") {
			return r.expect(value)
		}
	case len("If-Match"):
		r.ifMatch = r.ifMatch || is("If-Match")
	case len("Connection"):
		r.last = r.last || is("Connection") && bytes.EqualFold(value, []byte("close"))
	case len("If-None-Match"):
		if is("If-None-Match") {
			r.ifAbsent = true
			if string(value) != "*" {
				return &refusal{http.StatusNotImplemented, "NotImplemented", "If-None-Match is for * alone"}
			}
		}
	case len("Content-Length"):
		if is("Content-Length") {
			return r.length(value)
		}
	case len("Transfer-Encoding"): // as long as X-Amz-Copy-Source
		if is("Transfer-Encoding") {
			return &refusal{http.StatusNotImplemented, "NotImplemented", "a body needs a Content-Length; Transfer-Encoding is not for this server"}
		}
		r.copies = r.copies || is("X-Amz-Copy-Source")
	case len("X-Amz-Checksum-Crc32c"):
		if is("X-Amz-Checksum-Crc32c") {
			r.sum = append(r.sum[:0], value...)
		}
	}
	return nil
}

func (r *request) expect(value []byte) error {
	if !bytes.EqualFold(value, []byte("100-continue")) {
		return &refusal{http.StatusExpectationFailed, "InvalidRequest", "Expect is for 100-continue alone"}
	}
	r.waits = true
	return nil
}

func (r *request) length(value []byte) error {
	size, err := strconv.ParseUint(string(value), 10, 63)
	switch {
	case err != nil || r.sized:
		return bad("not one Content-Length")
	case size > maxBody:
		return &refusal{http.StatusBadRequest, "EntityTooLarge", "the body is larger than 5 GiB"}
	}
	r.size, r.sized = int64(size), true
	return nil
}
