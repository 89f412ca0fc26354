// Package nulls3 is a server that takes what is put into it as S3 would and
// keeps nothing but its name and size.
//
// It is there to measure clients against: it reads every body to its end and
// answers. Signatures and checksums are not looked at.
package nulls3

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Server is an http.Handler for one or more buckets in path style.
type Server struct {
	Latency time.Duration // before every answer

	mu      sync.Mutex
	objects map[string]int64 // guarded by mu: sizes by bucket/key
	stats   Stats            // guarded by mu
}

// Stats counts requests.
type Stats struct {
	Puts     int   `json:"puts"`     // that were answered 200
	Bytes    int64 `json:"bytes"`    // of their bodies
	Exist    int   `json:"exist"`    // conditional puts of a name that was there
	Replaced int   `json:"replaced"` // other puts of a name that was there
	Others   int   `json:"others"`   // requests of other kinds
}

// Stats returns what was counted so far.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Objects returns the names put so far, bucket first, in byte order.
func (s *Server) Objects() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(s.objects))
	for name := range s.objects {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	size, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		return // the client is gone
	}
	if s.Latency > 0 {
		time.Sleep(s.Latency)
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	bucket, key, _ := strings.Cut(name, "/")
	switch {
	case r.Method == http.MethodPut && key != "":
		s.put(w, r, name, size)
	case r.Method == http.MethodPut:
		s.count(func(st *Stats) { st.Others++ })
	case r.Method == http.MethodHead:
		s.head(w, name, key)
	case r.Method == http.MethodGet && key == "":
		s.list(w, bucket, r.URL.Query().Get("prefix"), r.URL.Query().Get("start-after"))
	default:
		s.count(func(st *Stats) { st.Others++ })
		refuse(w, http.StatusNotImplemented, "NotImplemented", "this server keeps no content")
	}
}

func (s *Server) count(change func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.stats)
}

func (s *Server) put(w http.ResponseWriter, r *http.Request, name string, size int64) {
	if !s.add(name, size, r.Header.Get("If-None-Match") == "*") {
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed", "there already")
		return
	}
	w.Header().Set("ETag", etag(size))
	if sum := r.Header.Get("X-Amz-Checksum-Crc32c"); sum != "" {
		w.Header().Set("X-Amz-Checksum-Crc32c", sum)
	}
}

// add adds an object; it returns false where it is there and may not be.
func (s *Server) add(name string, size int64, ifAbsent bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects == nil {
		s.objects = map[string]int64{}
	}
	_, there := s.objects[name]
	switch {
	case there && ifAbsent:
		s.stats.Exist++
		return false
	case there:
		s.stats.Replaced++
	}
	s.objects[name] = size
	s.stats.Puts++
	s.stats.Bytes += size
	return true
}

func (s *Server) head(w http.ResponseWriter, name, key string) {
	s.mu.Lock()
	s.stats.Others++
	size, ok := s.objects[name]
	s.mu.Unlock()
	switch {
	case key == "": // a bucket; all are there
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	default:
		w.Header().Set("ETag", etag(size))
		w.Header().Set("Content-Length", fmt.Sprint(size))
		w.Header().Set("Last-Modified", time.Unix(0, 0).UTC().Format(http.TimeFormat))
	}
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

func (s *Server) list(w http.ResponseWriter, bucket, prefix, after string) {
	answer := listing{Name: bucket, Prefix: prefix}
	s.mu.Lock()
	s.stats.Others++
	for name, size := range s.objects {
		key, ok := strings.CutPrefix(name, bucket+"/")
		if ok && strings.HasPrefix(key, prefix) && key > after {
			answer.Contents = append(answer.Contents, listed{Key: key, Size: size, ETag: etag(size), LastModified: "1970-01-01T00:00:00Z"})
		}
	}
	s.mu.Unlock()
	slices.SortFunc(answer.Contents, func(a, b listed) int { return cmp.Compare(a.Key, b.Key) })
	answer.KeyCount = len(answer.Contents)
	w.Header().Set("Content-Type", "application/xml")
	if err := xml.NewEncoder(w).Encode(answer); err != nil {
		return // the client is gone
	}
}

// etag is made of all that is known of an object.
func etag(size int64) string { return fmt.Sprintf(`"%032x"`, size) }

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
}
