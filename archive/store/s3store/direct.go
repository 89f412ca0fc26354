package s3store

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"logstow/archive/store"
)

// maxDirect is the largest body that is put directly: it is copied, and sent
// without asking the server first whether it would take it.
const maxDirect = 1 << 20

// direct puts small objects in one plain request each. What the SDK does
// around a request takes several times as long as the request itself.
//
// It knows success and a lost condition. Whatever else may happen is the SDK's
// to deal with, which then makes the request again.
type direct struct {
	client  aws.HTTPClient
	signer  *v4.Signer
	header  http.Header // of every request
	retryer aws.Retryer
	off     bool // Config.Client says that the SDK puts everything

	learning sync.Mutex
	place    *place // guarded by learning; nil until it is known
}

// place is where requests go, and for which region they are signed.
type place struct {
	base   url.URL // of the bucket, ending in a slash
	region string
}

func newDirect(c Config, client aws.HTTPClient, tagging string) *direct {
	d := &direct{client: client, header: http.Header{"User-Agent": {"logstow"}}, retryer: retryer(c), off: c.Client == "sdk"}
	d.signer = v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	for name, value := range map[string]string{
		"X-Amz-Server-Side-Encryption":                c.SSE,
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": c.KMSKey,
		"X-Amz-Storage-Class":                         c.StorageClass,
		"X-Amz-Tagging":                               tagging,
		"X-Amz-Object-Lock-Mode":                      c.LockMode,
	} {
		if value != "" {
			d.header[name] = []string{value}
		}
	}
	return d
}

// fits tells whether an object is put directly. Where there is but one attempt
// it is the SDK's.
func (d *direct) fits(body store.Body, opts store.PutOptions) bool {
	return !d.off && body.Size <= maxDirect && len(opts.Metadata) == 0 && d.retryer.MaxAttempts() > 1
}

// putDirect puts an object in one plain request. done tells that this is the
// end of it; else the SDK is to put it, in one attempt less.
func (s *Store) putDirect(ctx context.Context, name string, body store.Body, opts store.PutOptions) (done bool, err error) {
	content := make([]byte, body.Size)
	if n, err := body.ReadAt(content, 0); int64(n) < body.Size {
		return true, fmt.Errorf("read the body: %w", err)
	}
	req, err := s.signedPut(ctx, name, content, body, opts)
	if err != nil {
		return false, nil // the SDK will say what is wrong
	}
	status, err := s.direct.send(req.WithContext(ctx))
	switch {
	case err != nil:
		return false, nil
	case status == http.StatusOK:
		return true, nil
	case status == http.StatusPreconditionFailed:
		return true, &preconditionError{what: "PreconditionFailed (status 412)"}
	case status == http.StatusTooManyRequests || status >= 500:
		return false, s.direct.pause(ctx)
	}
	return false, nil
}

func (s *Store) signedPut(ctx context.Context, name string, content []byte, body store.Body, opts store.PutOptions) (*http.Request, error) {
	where, err := s.direct.where(ctx, s)
	if err != nil {
		return nil, err
	}
	creds, err := s.credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	hash := hex.EncodeToString(body.SHA256[:])
	req := s.direct.request(where, name, content, body.CRC32C, opts)
	req.Header["X-Amz-Content-Sha256"] = []string{hash}
	if s.config.LockDays > 0 {
		until := now.AddDate(0, 0, s.config.LockDays)
		req.Header["X-Amz-Object-Lock-Retain-Until-Date"] = []string{until.Format(time.RFC3339)}
	}
	return req, s.direct.signer.SignHTTP(ctx, creds, req, hash, "s3", where.region, now)
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

// request is a Put that is not signed yet.
func (d *direct) request(where *place, name string, content []byte, crc32c uint32, opts store.PutOptions) *http.Request {
	header := make(http.Header, len(d.header)+10)
	for name, values := range d.header {
		header[name] = values
	}
	header["Content-Type"] = []string{or(opts.ContentType, "application/json")}
	sum := binary.BigEndian.AppendUint32(nil, crc32c)
	header["X-Amz-Checksum-Crc32c"] = []string{base64.StdEncoding.EncodeToString(sum)}
	if opts.IfAbsent {
		header["If-None-Match"] = []string{"*"}
	}
	if opts.IfMatch != "" {
		header["If-Match"] = []string{opts.IfMatch}
	}
	u := where.base
	u.RawPath = u.EscapedPath() + escapePath(name)
	u.Path += name
	req := &http.Request{
		Method: http.MethodPut, URL: &u, Host: u.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: http.NoBody, ContentLength: int64(len(content)),
	}
	if len(content) > 0 {
		// Of this very type, so that net/http sends it in one piece with the header.
		req.Body = io.NopCloser(bytes.NewReader(content))
	}
	return req
}

// send makes the request and returns the status of the answer.
func (d *direct) send(req *http.Request) (status int, err error) {
	resp, err := d.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return 0, err
	}
	if resp.StatusCode == http.StatusOK && len(answer) > 0 { // an error may come with status 200
		return 0, errors.New("an answer that has content")
	}
	return resp.StatusCode, nil
}

// where asks the SDK once where it would put an object.
func (d *direct) where(ctx context.Context, s *Store) (*place, error) {
	d.learning.Lock()
	defer d.learning.Unlock()
	if d.place != nil {
		return d.place, nil
	}
	key := "k"
	signed, err := s.presign.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: &s.config.Bucket, Key: &key})
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(signed.URL)
	if err != nil {
		return nil, err
	}
	scope := strings.Split(u.Query().Get("X-Amz-Credential"), "/")
	if len(scope) < 5 || !strings.HasSuffix(u.Path, "/"+key) {
		return nil, fmt.Errorf("not understood: %s", bare(u))
	}
	d.place = &place{
		base:   url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimSuffix(u.Path, key)},
		region: scope[len(scope)-3],
	}
	return d.place, nil
}

// escapePath escapes a key as S3 wants it signed.
func escapePath(name string) string {
	const hexDigits = "0123456789ABCDEF"
	var b []byte
	for i := 0; i < len(name); i++ {
		c := name[i]
		if 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-._~/", c) >= 0 {
			if b != nil {
				b = append(b, c)
			}
			continue
		}
		if b == nil {
			b = append(make([]byte, 0, len(name)+16), name[:i]...)
		}
		b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
	}
	if b == nil {
		return name
	}
	return string(b)
}
