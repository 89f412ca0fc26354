package nulls3

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// answer is an answer as it is sent. One is used again for all answers of a
// connection.
type answer struct {
	b    []byte
	date []byte // a line of the header, of second
	at   int64  // the second, since 1970
}

func (a *answer) reset() {
	a.b = a.b[:0]
	if now := time.Now(); now.Unix() != a.at || a.date == nil {
		a.at = now.Unix()
		a.date = append(now.UTC().AppendFormat(append(a.date[:0], "Date: "...), http.TimeFormat), "\r\n"...)
	}
}

// begin writes the status and what every answer has.
func (a *answer) begin(status int) {
	if status == http.StatusOK {
		a.b = append(a.b, "HTTP/1.1 200 OK\r\n"...)
	} else {
		a.b = fmt.Appendf(a.b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	}
	a.b = append(a.b, a.date...)
}

func (a *answer) field(name string, value []byte) {
	a.b = append(append(append(append(a.b, name...), ": "...), value...), "\r\n"...)
}

// etag is made of all that is known of an object.
func (a *answer) etag(size int64) {
	const digits = "0123456789abcdef"
	a.b = append(a.b, `ETag: "0000000000000000`...)
	for shift := 60; shift >= 0; shift -= 4 {
		a.b = append(a.b, digits[size>>shift&15])
	}
	a.b = append(a.b, "\"\r\n"...)
}

// end ends the header of an answer with a body of so many bytes.
func (a *answer) end(size int64) {
	a.b = append(a.b, "Content-Length: "...)
	a.b = append(strconv.AppendInt(a.b, size, 10), "\r\n\r\n"...)
}

// empty is an answer that says but a status.
func (a *answer) empty(status int) {
	a.begin(status)
	a.end(0)
}

// body is an answer with a body, which a HEAD has not.
func (a *answer) body(r *request, status int, body []byte, last bool) {
	a.begin(status)
	a.field("Content-Type", []byte("application/xml"))
	if last {
		a.field("Connection", []byte("close"))
	}
	a.end(int64(len(body)))
	if r.method != http.MethodHead {
		a.b = append(a.b, body...)
	}
}

// refuse answers with an error. Where it is the last answer the connection is
// to be closed.
func (a *answer) refuse(r *request, no *refusal, last bool) {
	body := fmt.Appendf(nil, "<Error><Code>%s</Code><Message>%s</Message></Error>", no.code, no.message)
	a.body(r, no.status, body, last)
}

// The answers to what is understood but not done.
var (
	there      = refusal{http.StatusPreconditionFailed, "PreconditionFailed", "there already"}
	noContent  = refusal{http.StatusNotImplemented, "NotImplemented", "this server keeps no content"}
	noNames    = refusal{http.StatusNotImplemented, "NotImplemented", "this server keeps no names to list"}
	plainAlone = refusal{http.StatusNotImplemented, "NotImplemented", "a PUT is for a whole object, on no condition but If-None-Match"}
	noBucket   = refusal{http.StatusBadRequest, "InvalidBucketName", "the path names no bucket"}
)

// answer answers a request whose body was read.
func (s *Server) answer(a *answer, r *request) {
	bucket, key, _ := bytes.Cut(r.path, []byte("/"))
	switch {
	case len(bucket) == 0:
		s.others.Add(1)
		a.refuse(r, &noBucket, false)
	case r.method == http.MethodPut && len(key) > 0:
		s.put(a, r)
	case r.method == http.MethodPut: // all buckets are there
		s.others.Add(1)
		a.empty(http.StatusOK)
	case r.method == http.MethodHead:
		s.others.Add(1)
		s.head(a, r, key)
	case r.method == http.MethodGet && len(key) == 0:
		s.others.Add(1)
		s.list(a, r, string(bucket))
	default:
		s.others.Add(1)
		a.refuse(r, &noContent, false)
	}
}

func (s *Server) put(a *answer, r *request) {
	plain := len(r.query) == 0 || string(r.query) == "x-id=PutObject" // which the SDK says
	if !plain || r.ifMatch || r.copies {
		s.others.Add(1)
		a.refuse(r, &plainAlone, false)
		return
	}
	if !s.objects.add(r.path, r.size, r.ifAbsent) {
		a.refuse(r, &there, false)
		return
	}
	a.begin(http.StatusOK)
	a.etag(r.size)
	if len(r.sum) > 0 {
		a.field("X-Amz-Checksum-Crc32c", r.sum)
	}
	a.end(0)
}

func (s *Server) head(a *answer, r *request, key []byte) {
	if len(key) == 0 { // a bucket; all are there
		a.empty(http.StatusOK)
		return
	}
	size, ok := s.objects.size(r.path)
	if !ok {
		a.empty(http.StatusNotFound)
		return
	}
	a.begin(http.StatusOK)
	a.etag(size)
	a.field("Last-Modified", []byte("Thu, 01 Jan 1970 00:00:00 GMT"))
	a.end(size)
}

// listed is one object of a listing.
type listed struct {
	Key          string
	Size         int64
	ETag         string
	LastModified string
}

// listing is the answer to ListObjectsV2. It is never cut off.
type listing struct {
	XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	Name     string
	Prefix   string
	KeyCount int
	Contents []listed
}

func (s *Server) list(a *answer, r *request, bucket string) {
	query, err := url.ParseQuery(string(r.query))
	switch {
	case err != nil:
		a.refuse(r, &refusal{http.StatusBadRequest, "InvalidArgument", "the query is escaped wrongly"}, false)
		return
	case !s.Names && s.objects.count() > 0:
		a.refuse(r, &noNames, false)
		return
	}
	l := listing{Name: bucket, Prefix: query.Get("prefix")}
	for _, name := range s.objects.list(bucket + "/" + l.Prefix) {
		key := name[len(bucket)+1:]
		if key <= query.Get("start-after") {
			continue
		}
		if size, ok := s.objects.size([]byte(name)); ok {
			l.Contents = append(l.Contents, listed{Key: key, Size: size, ETag: fmt.Sprintf(`"%032x"`, size), LastModified: "1970-01-01T00:00:00Z"})
		}
	}
	l.KeyCount = len(l.Contents)
	body, err := xml.Marshal(l)
	if err != nil {
		a.refuse(r, &refusal{http.StatusInternalServerError, "InternalError", "a name can't be written"}, false)
		return
	}
	a.body(r, http.StatusOK, body, false)
}
