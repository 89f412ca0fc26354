package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"time"

	"logstow/export/access"
)

// exchange is one request and its answer, as they are seen from inside.
type exchange struct {
	http.ResponseWriter
	control  *http.ResponseController
	id       string
	route    string // its pattern; empty until one was found
	caller   access.Caller
	known    bool // caller was authenticated
	head     bool // nobody will read a body
	status   int  // 0 until there is one
	bytes    int64
	pause    time.Duration // that a client may take to accept a piece of the answer
	deadline time.Time     // of writing
}

type exchangeKey struct{}

// begin makes the exchange of a request, which is the writer to answer with,
// and the request that knows of it.
func begin(w http.ResponseWriter, r *http.Request, pause time.Duration) (*exchange, *http.Request) {
	x := &exchange{
		ResponseWriter: w, control: http.NewResponseController(w),
		id: newID(), head: r.Method == http.MethodHead, pause: pause,
	}
	x.extend() // what the request before had on this connection may be over
	return x, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
}

// requestID is the id under which a request is answered and logged.
func requestID(r *http.Request) string {
	if x, ok := r.Context().Value(exchangeKey{}).(*exchange); ok {
		return x.id
	}
	return ""
}

func newID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// reset removes every header that a handler had set, and sets those that each
// answer has.
func (x *exchange) reset() {
	h := x.Header()
	clear(h)
	h.Set("X-Request-Id", x.id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, no-store")
}

// Unwrap is for http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// WriteHeader notes the status.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= http.StatusOK {
		x.status = status
	}
	x.extend()
	x.ResponseWriter.WriteHeader(status)
}

// Write moves the deadline forward. Of an answer to HEAD nothing is written,
// and the error stops whoever would go on.
func (x *exchange) Write(b []byte) (int, error) {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	if x.head {
		return 0, http.ErrBodyNotAllowed
	}
	x.extend()
	n, err := x.ResponseWriter.Write(b)
	x.bytes += int64(n)
	return n, err
}

// FlushError sends what was written so far.
func (x *exchange) FlushError() error {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	x.extend()
	return x.control.Flush()
}

// extend gives the client another pause, if some of the last is used up.
func (x *exchange) extend() {
	if next := time.Now().Add(x.pause); next.Sub(x.deadline) > x.pause/32 {
		x.deadline = next
		x.control.SetWriteDeadline(next) //nolint:errcheck // a writer without deadlines, as in tests, has no client that could be slow
	}
}

// wrote tells whether anything of the answer is on its way.
func (x *exchange) wrote() bool { return x.status != 0 }
