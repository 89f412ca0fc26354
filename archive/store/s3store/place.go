package s3store

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"logstow/archive/store"
)

// place is where requests go, and for which region they are signed.
type place struct {
	host   string // as the header says it
	path   string // of the bucket, escaped; ends in a slash
	region string
	pool   *pool // nil: what the SDK sends there is not what we would, so it puts everything
}

// where finds out once what the SDK sends when it puts an object.
func (s *Store) where(ctx context.Context) (*place, error) {
	d := s.direct
	if known := d.place.Load(); known != nil {
		return known, nil
	}
	d.learning.Lock()
	defer d.learning.Unlock()
	if known := d.place.Load(); known != nil {
		return known, nil
	}
	found, err := s.learn(ctx)
	if err == nil {
		d.place.Store(found)
	}
	return found, err
}

// sample is what is put, or rather not, to see what the SDK makes of it.
var sample = struct {
	name, content string
	opts          store.PutOptions
}{"k+%", "x", store.PutOptions{IfAbsent: true}}

// learn has the SDK write a request, which is not sent, and compares it with
// one of our own.
func (s *Store) learn(ctx context.Context) (*place, error) {
	creds, err := s.credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	var seen capture
	body := store.Bytes([]byte(sample.content))
	err = s.putBySDK(ctx, sample.name, body, sample.opts, func(o *s3.Options) {
		o.HTTPClient, o.Retryer = &seen, aws.NopRetryer{}
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return creds, nil })
	})
	if seen.request == nil {
		return nil, fmt.Errorf("ask the SDK where an object goes: %w", err)
	}
	where, u := placeOf(seen.request)
	if u == nil || s.direct.proxied(seen.request) {
		return &place{}, nil
	}
	at, err := time.Parse(signedTime, seen.request.Header.Get("X-Amz-Date"))
	if err != nil || !signable(creds) {
		return &place{}, nil
	}
	var h head
	s.direct.write(&h, where, request{name: sample.name, body: body, opts: sample.opts, creds: creds, now: at, signed: at})
	if !same(seen.request, h.wire) {
		return &place{}, nil
	}
	where.pool = newPool(u, s.direct.transport, s.direct.keep)
	return where, nil
}

// capture is an HTTP client that keeps a request to itself.
type capture struct{ request *http.Request }

var errNotSent = errors.New("not to be sent")

func (c *capture) Do(r *http.Request) (*http.Response, error) {
	c.request = r
	return nil, errNotSent
}

// placeOf reads a request for the sample. Its URL is nil where that is not of
// the form that is known.
func placeOf(r *http.Request) (*place, *url.URL) {
	host := or(r.Host, r.URL.Host)
	path, ok := strings.CutSuffix(r.URL.EscapedPath(), string(appendEscaped(nil, sample.name)))
	scope := strings.Split(r.Header.Get("Authorization"), "/")
	if !ok || !strings.HasSuffix(path, "/") || !plain(path) || !plain(host) || len(scope) < 5 || !plain(scope[2]) ||
		strings.Contains(r.URL.Hostname(), "%") { // a zone, which is not part of the header
		return nil, nil
	}
	return &place{host: host, path: path, region: scope[2]}, r.URL
}

// proxied tells whether a request would go through a proxy.
func (d *direct) proxied(r *http.Request) bool {
	if d.transport.Proxy == nil {
		return false
	}
	proxy, err := d.transport.Proxy(r)
	return proxy != nil || err != nil
}

// ofTheSDK are headers that say which client makes a request and how often.
var ofTheSDK = []string{"User-Agent", "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request"}

// same tells whether a request of ours is what the SDK would send, but for
// headers of its own, the moment until which an object is locked and so the
// signature.
func same(r *http.Request, wire []byte) bool {
	ours, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
	if err != nil || ours.Method != r.Method || ours.RequestURI != r.URL.RequestURI() || ours.Host != or(r.Host, r.URL.Host) ||
		ours.ContentLength != r.ContentLength {
		return false
	}
	theirs := r.Header.Clone()
	scope, signature := authorization(r)
	ourScope, ourSignature := authorization(ours)
	for _, name := range append([]string{"Content-Length", "Authorization", "X-Amz-Object-Lock-Retain-Until-Date"}, ofTheSDK...) {
		theirs.Del(name)
		ours.Header.Del(name)
	}
	if len(theirs) != len(ours.Header) || scope != ourScope || !slices.Equal(signature, ourSignature) {
		return false
	}
	for name, values := range theirs {
		if !slices.Equal(values, ours.Header[name]) {
			return false
		}
	}
	return true
}

// authorization returns what a request is signed with and for, and the names of
// the headers that both the SDK and we sign.
func authorization(r *http.Request) (scope string, names []string) {
	scope, rest, _ := strings.Cut(r.Header.Get("Authorization"), ", SignedHeaders=")
	list, _, _ := strings.Cut(rest, ", Signature=")
	for name := range strings.SplitSeq(list, ";") {
		if !strings.HasPrefix(name, "amz-sdk-") {
			names = append(names, name)
		}
	}
	return scope, names
}
