package gateway

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// CreateBucket makes a bucket as opts say. One that is there already is fine.
func (g *Gateway) CreateBucket(ctx context.Context, opts Options) error {
	header := http.Header{}
	if opts.ObjectLock {
		header.Set("X-Amz-Bucket-Object-Lock-Enabled", "true")
	}
	if err := g.put(ctx, opts.Bucket, "", header, ""); err != nil {
		return err
	}
	if !opts.Versioning {
		return nil
	}
	return g.setVersioning(ctx, opts.Bucket, "Enabled")
}

// SuspendVersioning makes a bucket that keeps versions keep no more of them.
func (g *Gateway) SuspendVersioning(ctx context.Context, bucket string) error {
	return g.setVersioning(ctx, bucket, "Suspended")
}

func (g *Gateway) setVersioning(ctx context.Context, bucket, status string) error {
	return g.put(ctx, bucket, "versioning=", nil, fmt.Sprintf(
		`<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>%s</Status></VersioningConfiguration>`, status))
}

// LockByDefault makes a bucket with Object Lock lock every new object for some
// days. mode is GOVERNANCE or COMPLIANCE.
func (g *Gateway) LockByDefault(ctx context.Context, bucket, mode string, days int) error {
	return g.put(ctx, bucket, "object-lock=", nil, fmt.Sprintf(
		`<ObjectLockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><ObjectLockEnabled>Enabled</ObjectLockEnabled>`+
			`<Rule><DefaultRetention><Mode>%s</Mode><Days>%d</Days></DefaultRetention></Rule></ObjectLockConfiguration>`, mode, days))
}

// BeginUpload begins an upload in parts, which nobody will end.
func (g *Gateway) BeginUpload(ctx context.Context, bucket, key string) error {
	return g.send(ctx, http.MethodPost, bucket+"/"+key, "uploads=", nil, "")
}

func (g *Gateway) put(ctx context.Context, bucket, query string, header http.Header, body string) error {
	return g.send(ctx, http.MethodPut, bucket, query, header, body)
}

func (g *Gateway) send(ctx context.Context, method, path, query string, header http.Header, body string) error {
	address := g.Endpoint + "/" + path
	if query != "" {
		address += "?" + query
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	maps.Copy(req.Header, header)
	sum := md5.Sum([]byte(body))
	req.Header.Set("Content-MD5", base64.StdEncoding.EncodeToString(sum[:]))
	sign(req, body, time.Now().UTC())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 && !bytes.Contains(answer, []byte("BucketAlreadyOwnedByYou")) {
		return fmt.Errorf("%s %s: %s: %s", method, address, resp.Status, answer)
	}
	return nil
}

// sign adds an AWS Signature Version 4 to a request without path segments that
// need escaping. It is here so that the AWS SDK stays out of this package.
func sign(req *http.Request, body string, now time.Time) {
	day, stamp := now.Format("20060102"), now.Format("20060102T150405Z")
	hash := sha256.Sum256([]byte(body))
	req.Header.Set("X-Amz-Date", stamp)
	req.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(hash[:]))
	signed := map[string]string{"host": req.URL.Host}
	for name := range req.Header {
		signed[strings.ToLower(name)] = req.Header.Get(name)
	}
	names := slices.Sorted(maps.Keys(signed))
	var lines strings.Builder
	for _, name := range names {
		fmt.Fprintf(&lines, "%s:%s\n", name, signed[name])
	}
	canonical := strings.Join([]string{
		req.Method, req.URL.Path, req.URL.RawQuery, lines.String(), strings.Join(names, ";"), hex.EncodeToString(hash[:]),
	}, "\n")
	scope := day + "/" + Region + "/s3/aws4_request"
	digest := sha256.Sum256([]byte(canonical))
	key := []byte("AWS4" + SecretKey)
	for _, part := range []string{day, Region, "s3", "aws4_request", "AWS4-HMAC-SHA256\n" + stamp + "\n" + scope + "\n" + hex.EncodeToString(digest[:])} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%x",
		AccessKey, scope, strings.Join(names, ";"), key))
}
