package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"logstow/archive/store"
)

// ownLoop is the part of bench that only puts: every record at its key, in one
// signed request of its own over net/http, with the same headers as logstow's.
// It reads nothing of a record and records nothing.
func ownLoop(ctx context.Context, args []string) error {
	o, err := parseLoop("own-loop", args)
	if err != nil {
		return err
	}
	base, err := url.Parse(o.endpoint)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: o.workers, WriteBufferSize: 32 << 10, DisableCompression: true,
	}}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	return eachRecord(ctx, o.records, o.index, o.workers, func() func(context.Context, string, []byte) error {
		return func(ctx context.Context, key string, data []byte) error {
			req, hash := plainPut(base, key, data)
			if err := signer.SignHTTP(ctx, o.credentials, req, hash, "s3", loopRegion, time.Now().UTC()); err != nil {
				return err
			}
			return send(client, req.WithContext(ctx))
		}
	})
}

// plainPut is a request that puts a record if absent, and its body's SHA-256.
func plainPut(base *url.URL, key string, data []byte) (*http.Request, string) {
	digest := sha256.Sum256(data)
	hash := hex.EncodeToString(digest[:])
	sum := binary.BigEndian.AppendUint32(nil, crc32.Checksum(data, store.Castagnoli))
	u := *base
	u.Path = "/" + loopBucket + "/" + key
	return &http.Request{
		Method: http.MethodPut, URL: &u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Content-Type":          {"application/json"},
			"If-None-Match":         {"*"},
			"User-Agent":            {"logstow-bench"},
			"X-Amz-Checksum-Crc32c": {base64.StdEncoding.EncodeToString(sum)},
			"X-Amz-Content-Sha256":  {hash},
		},
		Body: io.NopCloser(bytes.NewReader(data)), ContentLength: int64(len(data)),
	}, hash
}

// send makes a request, which is to be answered with 200.
func send(client *http.Client, req *http.Request) error {
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", resp.Status, answer)
	}
	return nil
}
