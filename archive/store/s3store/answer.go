package s3store

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
)

// What an answer may have at most. S3's own have a tenth of it.
const (
	maxHead    = 64 << 10 // bytes of status lines and headers
	maxContent = 64 << 10 // bytes of content
	maxInterim = 8        // answers of status 1xx before the one that counts
)

// answer is what a server said to a Put.
type answer struct {
	status    int
	content   []byte // all of it
	date      string // as the server wrote it; not read where the status is 200
	requestID string // likewise
	cached    bool   // it has an Age
	last      bool   // no other answer can come over this connection
}

// framing says where an answer's content ends.
type framing struct {
	length  int64 // -1: not stated
	chunked bool
	old     bool // of HTTP/1.0, which has no chunks
}

// readAnswer reads one answer to its end, leaving nothing of it in r. What
// isn't clearly HTTP/1.1 is an error.
func readAnswer(r *bufio.Reader) (answer, error) {
	left := maxHead
	for range maxInterim {
		a, f, err := readHead(r, &left)
		switch {
		case err != nil:
			return answer{}, err
		case a.status == http.StatusSwitchingProtocols:
			return answer{}, errors.New("the server would switch protocols")
		case a.status >= 200:
			return a, a.readContent(r, f)
		}
	}
	return answer{}, fmt.Errorf("more than %d interim answers", maxInterim)
}

func readHead(r *bufio.Reader, left *int) (answer, framing, error) {
	f := framing{length: -1}
	line, err := readLine(r, left)
	if err != nil {
		return answer{}, f, err
	}
	var a answer
	if err := a.setStatus(line); err != nil {
		return answer{}, f, err
	}
	f.old = line[7] == '0'
	a.last = f.old
	for {
		line, err := readLine(r, left)
		if err != nil {
			return answer{}, f, err
		}
		if len(line) == 0 {
			break
		}
		if err := a.setHeader(&f, line); err != nil {
			return answer{}, f, err
		}
	}
	if f.chunked && (f.length >= 0 || f.old) {
		return answer{}, f, errors.New("an answer that states two lengths, or chunks that HTTP/1.0 has not")
	}
	return a, f, nil
}

// setStatus reads "HTTP/1.1 200 OK".
func (a *answer) setStatus(line []byte) error {
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[7] != '0' && line[7] != '1' || line[8] != ' ' ||
		len(line) > 12 && line[12] != ' ' {
		return errors.New("no status line of HTTP/1")
	}
	for _, c := range line[9:12] {
		if c < '0' || c > '9' {
			return errors.New("a status that is no number")
		}
		a.status = a.status*10 + int(c-'0')
	}
	if a.status < 100 || a.status > 599 {
		return fmt.Errorf("status %d", a.status)
	}
	return nil
}

// setHeader takes what one header line says, where it matters.
func (a *answer) setHeader(f *framing, line []byte) error {
	name, value, err := splitHeader(line)
	if err != nil {
		return err
	}
	switch {
	case is(name, "content-length"):
		length, err := strconv.ParseUint(string(value), 10, 63)
		if err != nil || value[0] == '+' || f.length >= 0 && f.length != int64(length) {
			return errors.New("a Content-Length that is no number, or two")
		}
		f.length = int64(length)
	case is(name, "transfer-encoding"):
		if f.chunked || !is(value, "chunked") {
			return errors.New("a transfer encoding other than chunked")
		}
		f.chunked = true
	case is(name, "connection"):
		a.last = a.last || !is(value, "keep-alive")
	case a.status == http.StatusOK:
	case is(name, "date"):
		a.date = string(value)
	case is(name, "age"):
		a.cached = true
	case is(name, "x-amz-request-id"):
		a.requestID = string(value)
	}
	return nil
}

func splitHeader(line []byte) (name, value []byte, err error) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(name) == 0 || bytes.ContainsFunc(name, notOfName) {
		return nil, nil, errors.New("a line that is no header")
	}
	return name, bytes.Trim(value, " \t"), nil
}

// notOfName tells whether a header's name may not have a character.
func notOfName(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
}

// is compares without regard to case with a lower-case name.
func is(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range b {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// readContent reads what follows the headers.
func (a *answer) readContent(r *bufio.Reader, f framing) (err error) {
	switch {
	case a.status == http.StatusNoContent || a.status == http.StatusNotModified || f.length == 0:
		return nil
	case f.chunked:
		return a.readChunks(r)
	case f.length > maxContent:
		return fmt.Errorf("an answer of %d bytes", f.length)
	case f.length > 0:
		a.content = make([]byte, f.length)
		_, err = io.ReadFull(r, a.content)
		return err
	}
	a.last = true // it ends with the connection
	a.content, err = readAtMost(r, maxContent)
	return err
}

func (a *answer) readChunks(r *bufio.Reader) (err error) {
	if a.content, err = readAtMost(httputil.NewChunkedReader(r), maxContent); err != nil {
		return err
	}
	left := maxHead
	for { // trailers
		line, err := readLine(r, &left)
		if err != nil || len(line) == 0 {
			return err
		}
		if _, _, err := splitHeader(line); err != nil {
			return err
		}
	}
}

func readAtMost(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("an answer of more than %d bytes", limit)
	}
	return b, err
}

// readLine returns a line without its end. It is valid until r is read again.
func readLine(r *bufio.Reader, left *int) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if *left -= len(line); *left < 0 {
		return nil, fmt.Errorf("headers of more than %d bytes", maxHead)
	}
	line, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return nil, errors.New("a line that does not end in CR LF")
	}
	for _, c := range line {
		if c < ' ' && c != '\t' || c == 0x7f {
			return nil, errors.New("a control character in a header")
		}
	}
	return line, nil
}
