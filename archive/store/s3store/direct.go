package s3store

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"logstow/archive/store"
)

// maxDirect is the largest body that is put directly: it is in memory as a
// whole, and sent without asking the server first whether it would take it.
const maxDirect = 1 << 20

// direct puts small objects in one plain request each, over connections of its
// own. What the SDK and net/http do around a request takes several times as
// long as the request itself.
//
// It knows success and a lost condition. Whatever else may happen is the SDK's
// to deal with, which then makes the request again.
type direct struct {
	retryer   aws.Retryer
	transport *http.Transport // whose dialling and TLS are used; nil: the SDK puts everything
	timeout   time.Duration   // for an answer
	keep      int             // idle connections at most
	fixed     fixed

	heads sync.Pool // of *head
	key   atomic.Pointer[signingKey]
	skew  atomic.Int64 // nanoseconds that the server's clock is ahead

	learning sync.Mutex // one at a time finds out the place
	place    atomic.Pointer[place]
}

// fixed are the values of headers that every request has, each plain or empty.
type fixed struct {
	sse, kmsKey, class, tagging, lockMode string
	lockDays                              int
}

func newDirect(c Config, client aws.HTTPClient, tagging string) *direct {
	d := &direct{
		retryer: retryer(c), timeout: c.ResponseTimeout, keep: c.Concurrency + spare,
		fixed: fixed{c.SSE, c.KMSKey, c.StorageClass, tagging, c.LockMode, c.LockDays},
		heads: sync.Pool{New: func() any { return new(head) }},
	}
	buildable, ok := client.(*awshttp.BuildableClient)
	if !ok || c.Client == sdkAlone {
		return d
	}
	for _, value := range []string{c.SSE, c.KMSKey, c.StorageClass, tagging, c.LockMode} {
		if value != "" && !plain(value) {
			return d
		}
	}
	if t := buildable.GetTransport(); t.DialContext != nil && t.DialTLSContext == nil {
		d.transport = t
	}
	return d
}

// fits tells whether an object is put directly. Where there is but one attempt
// it is the SDK's.
func (d *direct) fits(body store.Body, opts store.PutOptions) bool {
	return d.transport != nil && body.Size <= maxDirect && len(opts.Metadata) == 0 && d.retryer.MaxAttempts() > 1 &&
		(opts.ContentType == "" || plain(opts.ContentType)) && (opts.IfMatch == "" || plain(opts.IfMatch))
}

// putDirect puts an object in one plain request. done tells that this is the
// end of it; else the SDK is to put it, after so many requests that were tried.
func (s *Store) putDirect(ctx context.Context, name string, body store.Body, opts store.PutOptions) (done bool, tried int, err error) {
	where, err := s.where(ctx)
	if err != nil || where.pool == nil {
		return false, 0, nil // the SDK will say what is wrong
	}
	content := body.Memory
	if int64(len(content)) != body.Size {
		content = make([]byte, body.Size)
		if n, err := body.ReadAt(content, 0); int64(n) < body.Size {
			return true, 0, fmt.Errorf("read the body: %w", err)
		}
	}
	h := s.direct.heads.Get().(*head)
	defer s.direct.heads.Put(h)
	for tried = range 2 {
		creds, err := s.credentials.Retrieve(ctx)
		if err != nil || !signable(creds) {
			return false, tried, nil
		}
		now := time.Now().UTC()
		signed := s.direct.clock(now)
		s.direct.write(h, where, request{name: name, body: body, opts: opts, creds: creds, now: now, signed: signed})
		a, err := where.pool.do(ctx, h.wire, content, s.direct.timeout)
		if err == nil && s.direct.adjust(a, now, signed, time.Now()) {
			continue
		}
		done, err = s.direct.judge(ctx, a, err, opts)
		return done, tried + 1, err
	}
	return false, 2, nil
}

// judge says what an answer, or that there was none, means for a Put.
func (d *direct) judge(ctx context.Context, a answer, err error, opts store.PutOptions) (done bool, _ error) {
	switch {
	case err != nil || a.status == http.StatusOK && len(a.content) > 0: // an error may come with status 200
		return false, ctx.Err()
	case a.status == http.StatusOK:
		return true, nil
	case a.status == http.StatusPreconditionFailed:
		return true, &preconditionError{what: "PreconditionFailed (status 412)"}
	}
	f := a.failure()
	switch {
	case opts.Paced && f.throttled():
		return true, f.err()
	case a.status == http.StatusTooManyRequests || a.status >= 500:
		return false, d.pause(ctx)
	}
	return false, nil
}

// failure is what an answer other than success says.
func (a *answer) failure() failure {
	var said struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}
	_ = xml.Unmarshal(a.content, &said) // what isn't there isn't known
	return failure{status: a.status, code: said.Code, message: said.Message, requestID: a.requestID}
}

// pause waits as long as the SDK would between two attempts.
func (d *direct) pause(ctx context.Context) error {
	delay, err := d.retryer.RetryDelay(1, nil)
	if err != nil {
		return err
	}
	select {
	case <-time.After(delay):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
