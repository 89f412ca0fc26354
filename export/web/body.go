package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// maxBody is the largest body of a request that is read, in bytes.
const maxBody = 64 << 10

// readBody reads a request's body as a whole, so that nothing but this waits
// for a slow sender, and lets the answer take its time from there on.
func readBody(x *exchange, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(x.ResponseWriter, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return &problem{
			status:  http.StatusRequestEntityTooLarge,
			message: fmt.Sprintf("the body of a request has at most %d bytes", maxBody),
		}
	case err != nil && errIsTimeout(err):
		return &problem{status: http.StatusRequestTimeout, message: "the body of the request took too long to arrive"}
	case err != nil:
		return &problem{status: http.StatusBadRequest, message: "the body of the request broke off"}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	x.control.SetReadDeadline(time.Time{}) //nolint:errcheck // only a writer without deadlines, as in tests, fails
	return nil
}
