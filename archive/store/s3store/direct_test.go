package s3store_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"logstow/archive/store"
	"logstow/archive/store/s3store"
	"logstow/archive/store/storetest/gateway"
)

// What is put directly must look to the server as if the SDK had put it: the
// same headers and bytes under the same name, and a signature that is true.
// Options, keys and contents are random.
func TestDirectSendsWhatTheSDKSends(t *testing.T) {
	(&gateway.Gateway{}).Setenv(t)
	t.Setenv("AWS_SESSION_TOKEN", "session")
	var last seen
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { last = see(t, r) }))
	defer server.Close()
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfig(t)
		c.Bucket, c.Endpoint, c.PathStyle = "bucket", server.URL, true
		key := drawKey(t)
		content := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "content")
		opts := store.PutOptions{ContentType: rapid.SampledFrom([]string{"", "application/zstd", "text/plain; charset=utf-8"}).Draw(t, "type")}
		switch rapid.IntRange(0, 2).Draw(t, "condition") {
		case 1:
			opts.IfAbsent = true
		case 2:
			opts.IfMatch = `"` + rapid.StringMatching("[0-9a-f]{1,32}").Draw(t, "etag") + `"`
		}
		var both [2]seen
		for i, client := range []string{"sdk", ""} {
			c.Client, last = client, seen{}
			s, err := s3store.Open(context.Background(), c)
			if err != nil {
				t.Fatalf("Open(%+v): %v", c, err)
			}
			if err := s.Put(context.Background(), key, store.Bytes(content), opts); err != nil {
				t.Fatalf("Put(%q) with client %q: %v", key, client, err)
			}
			if both[i] = last; last.wrong != "" {
				t.Fatalf("Put(%q) with client %q: %s", key, client, last.wrong)
			}
		}
		if both[0].agent == both[1].agent {
			t.Fatalf("both were put by %s", both[0].agent)
		}
		if diff := cmp.Diff(both[0].text, both[1].text); diff != "" {
			t.Fatalf("Put(%q) (-SDK +direct):\n%s", key, diff)
		}
	})
}

func drawConfig(t *rapid.T) s3store.Config {
	c := s3store.Config{
		Prefix:       rapid.SampledFrom([]string{"", "p", "some/pre fix", "ü+&%41"}).Draw(t, "prefix"),
		Region:       rapid.SampledFrom([]string{"", "us-east-1", "eu-central-1"}).Draw(t, "region"),
		SSE:          rapid.SampledFrom([]string{"", "AES256", "aws:kms"}).Draw(t, "sse"),
		StorageClass: rapid.SampledFrom([]string{"", "STANDARD_IA", "GLACIER_IR"}).Draw(t, "class"),
		Tags:         rapid.MapOfN(rapid.StringMatching(`[ -~]{1,20}`), rapid.StringMatching(`[ -~ü]{0,20}`), 0, 3).Draw(t, "tags"),
	}
	if c.SSE == "aws:kms" && rapid.Bool().Draw(t, "key") {
		c.KMSKey = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd"
	}
	if rapid.Bool().Draw(t, "lock") {
		c.LockMode, c.LockDays = "GOVERNANCE", rapid.IntRange(1, 4000).Draw(t, "days")
	}
	return c
}

// drawKey draws any key that a store takes.
func drawKey(t *rapid.T) string {
	segment := rapid.OneOf(
		rapid.StringMatching(`[a-z0-9._%-]{1,30}`),
		rapid.SampledFrom([]string{"we ird", "%41+&=;:@$,!*'()[]#?~ü", "\x7f", "a//b", "日本語", "+", "%", "%2F", "\"<>\\^`{|}"}),
		rapid.StringN(1, 20, 60),
	)
	key := strings.Join(rapid.SliceOfN(segment, 1, 5).Draw(t, "key"), "/")
	if store.CheckKey(key) != nil {
		t.Skip("no key")
	}
	return key
}

// seen is a request as a server saw it.
type seen struct {
	agent, text string
	wrong       string // with its signature
}

// ofTheMoment are the headers that differ from request to request, or say
// which client makes it.
var ofTheMoment = []string{
	"User-Agent", "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request", "Authorization", "X-Amz-Date", "Accept-Encoding",
}

func see(t *testing.T, r *http.Request) seen {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Errorf("read a request: %v", err)
	}
	s := seen{agent: r.Header.Get("User-Agent"), wrong: wrongSignature(r, body)}
	h := r.Header.Clone()
	for _, name := range ofTheMoment {
		h.Del(name)
	}
	if until, err := time.Parse(time.RFC3339, h.Get("X-Amz-Object-Lock-Retain-Until-Date")); err == nil {
		h.Set("X-Amz-Object-Lock-Retain-Until-Date", fmt.Sprint(until.Round(time.Hour)))
	}
	query := r.URL.Query()
	query.Del("x-id") // the operation's name, for whoever reads logs
	s.text = fmt.Sprintf("%s %s %s?%s\n%d %q\n%q", r.Method, r.Host, r.URL.EscapedPath(), query.Encode(), r.ContentLength, body, h)
	return s
}

// wrongSignature signs a request again, over the headers that it says are
// signed, and says what is wrong if the result is another one.
func wrongSignature(r *http.Request, body []byte) string {
	auth := r.Header.Get("Authorization")
	_, after, _ := strings.Cut(auth, "SignedHeaders=")
	names, _, _ := strings.Cut(after, ",")
	scope := strings.Split(auth, "/")
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || len(scope) < 4 {
		return "no signature: " + auth
	}
	again, err := http.NewRequest(r.Method, "http://"+r.Host+r.URL.RequestURI(), nil)
	if err != nil {
		return err.Error()
	}
	again.ContentLength = r.ContentLength
	for name := range strings.SplitSeq(names, ";") {
		if values := r.Header.Values(name); values != nil {
			again.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	for _, must := range []string{"X-Amz-Content-Sha256", "X-Amz-Checksum-Crc32c", "X-Amz-Security-Token"} {
		if again.Header.Get(must) == "" {
			return must + " is not signed"
		}
	}
	sum := sha256.Sum256(body)
	if hash := hex.EncodeToString(sum[:]); hash != again.Header.Get("X-Amz-Content-Sha256") {
		return "signed for other content"
	}
	creds := aws.Credentials{AccessKeyID: gateway.AccessKey, SecretAccessKey: gateway.SecretKey, SessionToken: "session"}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err := signer.SignHTTP(context.Background(), creds, again, hex.EncodeToString(sum[:]), "s3", scope[2], at); err != nil {
		return err.Error()
	}
	if want := again.Header.Get("Authorization"); want != auth {
		return "signed as " + auth + "; should be " + want
	}
	return ""
}

// Whatever is neither success nor a lost condition is the SDK's, and counts as
// one of the attempts.
func TestDirectLeavesTheRestToTheSDK(t *testing.T) {
	for _, c := range []struct {
		name     string
		answers  []answer
		want     error
		requests int32
	}{
		{"success", []answer{{status: 200}}, nil, 1},
		{"taken", []answer{{status: 412, code: "PreconditionFailed"}}, fs.ErrExist, 1},
		{"an error with status 200", []answer{{status: 200, code: "InternalError"}, {status: 200}}, nil, 2},
		{"a lost answer", []answer{{hangUp: true}, {status: 412, code: "PreconditionFailed"}}, fs.ErrExist, 2},
		{"throttled for good", []answer{{status: 503, code: "SlowDown"}}, store.ErrUnavailable, 3},
		{"no answer for good", []answer{{hangUp: true}}, store.ErrUnavailable, 3},
		{"refused", []answer{{status: 403, code: "AccessDenied"}}, store.ErrRefused, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, n := fake(t, s3store.Config{MaxAttempts: 3}, nil, c.answers...)
			err := s.Put(t.Context(), "k", store.Bytes([]byte("x")), store.PutOptions{IfAbsent: true})
			if !errors.Is(err, c.want) || n.Load() != c.requests {
				t.Errorf("Put: %v after %d requests, want %v after %d", err, n.Load(), c.want, c.requests)
			}
		})
	}
}
