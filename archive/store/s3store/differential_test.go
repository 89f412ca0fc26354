package s3store_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"slices"
	"strconv"
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

// What is put directly must be, byte for byte, what the SDK would have sent,
// but for the headers below and the order of all of them. Options, places, keys
// and contents are random.
func TestDirectSendsWhatTheSDKSends(t *testing.T) {
	(&gateway.Gateway{}).Setenv(t)
	for _, name := range []string{"AWS_SESSION_TOKEN", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_USE_FIPS_ENDPOINT", "AWS_ENDPOINT_URL_S3"} {
		t.Setenv(name, "")
	}
	wire := listen(t)
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfig(t)
		drawPlace(t, &c)
		token := rapid.SampledFrom([]string{"", "session", "a/much+longer=="}).Draw(t, "token")
		setenv(t, "AWS_SESSION_TOKEN", token)
		key := drawKey(t)
		content := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "content")
		body := store.Bytes(content)
		if rapid.Bool().Draw(t, "read") {
			body.Memory = nil
		}
		opts := drawOptions(t)
		sdk, sdkErr := wire.put(t, c, "sdk", key, body, opts)
		ours, err := wire.put(t, c, "direct", key, body, opts)
		if (err == nil) != (sdkErr == nil) {
			t.Fatalf("Put(%q) with %+v: %v; by the SDK: %v", key, c, err, sdkErr)
		}
		if err != nil {
			return // no request was made
		}
		for _, r := range []sent{sdk, ours} {
			if strings.HasPrefix(r.one("Authorization"), "AWS4-ECDSA-") {
				continue // which no two signings make alike
			}
			if wrong := r.wrongSignature(content, token); wrong != "" {
				t.Fatalf("Put(%q) by %s: %s", key, r.agent(), wrong)
			}
		}
		if direct := ours.agent() == "logstow"; direct != madeDirectly(c, opts) {
			t.Fatalf("Put(%q) with %+v, %+v is made by %s", key, c, opts, ours.agent())
		} else if !direct {
			return
		}
		if diff := cmp.Diff(sdk.comparable(), ours.comparable()); diff != "" {
			t.Fatalf("Put(%q) with %+v (-SDK +direct):\n%s", key, c, diff)
		}
		if theirs := sdk.signedAs(ours, token); theirs != ours.one("Authorization") {
			t.Fatalf("Put(%q): signed as\n%s\nthe SDK signs as\n%s", key, ours.one("Authorization"), theirs)
		}
	})
}

// madeDirectly tells whether a Put is one that is made directly.
func madeDirectly(c s3store.Config, opts store.PutOptions) bool {
	return len(opts.Metadata) == 0 && !strings.HasSuffix(c.Bucket, "--op-s3") &&
		!strings.Contains(opts.ContentType, "  ") && !strings.Contains(opts.IfMatch, "ü") && !strings.Contains(c.KMSKey, "  ")
}

func drawOptions(t *rapid.T) store.PutOptions {
	opts := store.PutOptions{
		ContentType: rapid.SampledFrom([]string{"", "application/zstd", "text/plain; charset=utf-8", "text/plain;  charset=x"}).Draw(t, "type"),
		Paced:       rapid.Bool().Draw(t, "paced"),
	}
	switch rapid.IntRange(0, 3).Draw(t, "condition") {
	case 1:
		opts.IfAbsent = true
	case 2:
		opts.IfMatch = `"` + rapid.StringMatching("[0-9a-f]{1,32}").Draw(t, "etag") + `"`
	case 3:
		opts.IfMatch = rapid.SampledFrom([]string{`W/"a b"`, `"ü"`, "x"}).Draw(t, "etag")
	}
	if rapid.IntRange(0, 9).Draw(t, "metadata") == 0 {
		opts.Metadata = map[string]string{"logstow-lines": "12"}
	}
	return opts
}

func drawConfig(t *rapid.T) s3store.Config {
	c := s3store.Config{
		Prefix:       rapid.SampledFrom([]string{"", "p", "some/pre fix", "ü+&%41"}).Draw(t, "prefix"),
		Region:       rapid.SampledFrom([]string{"us-east-1", "eu-central-1"}).Draw(t, "region"),
		SSE:          rapid.SampledFrom([]string{"", "AES256", "aws:kms"}).Draw(t, "sse"),
		StorageClass: rapid.SampledFrom([]string{"", "STANDARD_IA", "GLACIER_IR"}).Draw(t, "class"),
		Tags:         rapid.MapOfN(rapid.StringMatching(`[ -~]{1,20}`), rapid.StringMatching(`[ -~ü]{0,20}`), 0, 3).Draw(t, "tags"),
	}
	if c.SSE == "aws:kms" && rapid.Bool().Draw(t, "key") {
		c.KMSKey = rapid.SampledFrom([]string{"arn:aws:kms:eu-central-1:111122223333:key/1234abcd", "alias/two  spaces"}).Draw(t, "KMS key")
	}
	if rapid.Bool().Draw(t, "lock") {
		c.LockMode, c.LockDays = rapid.SampledFrom([]string{"GOVERNANCE", "COMPLIANCE"}).Draw(t, "mode"), rapid.IntRange(1, 4000).Draw(t, "days")
	}
	return c
}

// drawPlace draws where the bucket is: at Amazon's, in one of its many ways, or
// elsewhere.
func drawPlace(t *rapid.T, c *s3store.Config) {
	c.Bucket = rapid.SampledFrom([]string{
		"bucket", "my.bucket", "my_bucket", "ap-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias",
		"test-accessp-o0b1d075431d83bebde8xz5w8ijx1qzlbp3i3kuse10--op-s3",
	}).Draw(t, "bucket")
	c.PathStyle = rapid.Bool().Draw(t, "path style")
	fromEnv := ""
	switch rapid.IntRange(0, 3).Draw(t, "whose") {
	case 0, 1:
		c.Endpoint = rapid.SampledFrom([]string{
			"http://127.0.0.1:9000", "http://[::1]:9000", "http://[2001:db8::1]", "http://S3.Example.com:80", "http://minio/",
			"https://s3.example.com", "https://s3.example.com:443", "https://s3.example.com:8443", "https://192.0.2.1",
		}).Draw(t, "endpoint")
	case 2:
		fromEnv = rapid.SampledFrom([]string{"http://gateway:9000/base/path", "https://gateway.example/s3/"}).Draw(t, "endpoint of the environment")
	}
	setenv(t, "AWS_ENDPOINT_URL_S3", fromEnv)
	// The SDK refuses most of these together with an endpoint.
	rarely := func(what string) bool {
		return rapid.Bool().Draw(t, what) && (c.Endpoint+fromEnv == "" || rapid.IntRange(0, 9).Draw(t, what+" elsewhere") == 0)
	}
	setenv(t, "AWS_USE_DUALSTACK_ENDPOINT", fmt.Sprint(rarely("dual stack")))
	setenv(t, "AWS_USE_FIPS_ENDPOINT", fmt.Sprint(rarely("FIPS")))
}

// setenv sets a variable that the test around it restores.
func setenv(t *rapid.T, name, value string) {
	if err := os.Setenv(name, value); err != nil {
		t.Fatal(err)
	}
}

// drawKey draws any key that a store takes.
func drawKey(t *rapid.T) string {
	segment := rapid.OneOf(
		rapid.StringMatching(`[a-z0-9._%-]{1,30}`),
		rapid.SampledFrom([]string{"we ird", "%41+&=;:@$,!*'()[]#?~ü", "\x7f", "*~'()", "日本語", "+", "%", "%2F", "\"<>\\^`{|}", "\r\n", "...", " "}),
		rapid.StringN(1, 20, 60),
	)
	key := strings.Join(rapid.SliceOfN(segment, 1, 5).Draw(t, "key"), "/")
	if store.CheckKey(key) != nil {
		t.Skip("no key")
	}
	return key
}

// listener takes every connection, whatever name it is meant for, and keeps the
// last request as it arrived.
type listener struct {
	plain, secure string // addresses
	last          chan sent
}

func listen(t *testing.T) *listener {
	certificates := httptest.NewUnstartedServer(nil)
	certificates.StartTLS()
	certificates.Close()
	l := &listener{last: make(chan sent, 16)}
	for _, at := range []*string{&l.plain, &l.secure} {
		socket, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { socket.Close() })
		*at = socket.Addr().String()
		if at == &l.secure {
			socket = tls.NewListener(socket, &tls.Config{Certificates: certificates.TLS.Certificates})
		}
		go func() {
			for {
				c, err := socket.Accept()
				if err != nil {
					return
				}
				go l.serve(c)
			}
		}()
	}
	return l
}

func (l *listener) serve(c net.Conn) {
	defer c.Close()
	for r := bufio.NewReader(c); ; {
		request, err := readSent(r)
		if err != nil {
			return
		}
		l.last <- request
		if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); err != nil {
			return
		}
	}
}

// put puts an object and returns the one request that was made for it.
func (l *listener) put(t *rapid.T, c s3store.Config, client, key string, body store.Body, opts store.PutOptions) (sent, error) {
	c.Client = client
	s, err := s3store.OpenOver(context.Background(), c, func(tr *http.Transport) {
		tr.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // the names are other people's
		tr.IdleConnTimeout = time.Second
		tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			to := l.plain
			if strings.HasSuffix(address, "443") {
				to = l.secure
			}
			return new(net.Dialer).DialContext(ctx, network, to)
		}
	})
	if err != nil {
		t.Fatalf("Open(%+v): %v", c, err)
	}
	err = s.Put(context.Background(), key, body, opts)
	switch {
	case len(l.last) == 1:
		return <-l.last, err
	case err == nil || len(l.last) > 0:
		t.Fatalf("Put(%q) by %s made %d requests and returned %v", key, client, len(l.last), err)
	}
	return sent{}, err
}

// sent is a request as it came over the wire.
type sent struct {
	line    string
	headers []string // "Name: value", as written
	body    string
}

func readSent(r *bufio.Reader) (s sent, err error) {
	text := textproto.NewReader(r)
	if s.line, err = text.ReadLine(); err != nil {
		return s, err
	}
	for {
		h, err := text.ReadLine()
		if err != nil {
			return s, err
		}
		if h == "" {
			break
		}
		s.headers = append(s.headers, h)
	}
	length, err := strconv.Atoi(s.one("Content-Length"))
	if err != nil {
		return s, err
	}
	body := make([]byte, length)
	_, err = io.ReadFull(r, body)
	s.body = string(body)
	return s, err
}

// sentBy is a request as net/http read it, with its body.
func sentBy(r *http.Request, body []byte) sent {
	s := sent{line: r.Method + " " + r.RequestURI + " " + r.Proto, body: string(body)}
	s.headers = []string{"Host: " + r.Host, fmt.Sprint("Content-Length: ", r.ContentLength)}
	for name, values := range r.Header {
		for _, value := range values {
			s.headers = append(s.headers, name+": "+value)
		}
	}
	return s
}

// one returns a header's value; "": there is none, or more than one.
func (s sent) one(name string) (value string) {
	for _, h := range s.headers {
		if after, ok := strings.CutPrefix(h, name+": "); ok {
			if value != "" {
				return ""
			}
			value = after
		}
	}
	return value
}

func (s sent) agent() string { return s.one("User-Agent") }

// different are the headers that say which client makes a request and when.
var different = []string{"User-Agent: ", "Amz-Sdk-Invocation-Id: ", "Amz-Sdk-Request: ", "Authorization: ", "X-Amz-Date: "}

// comparable is a request without what may differ.
func (s sent) comparable() []string {
	all := []string{s.line}
	for _, h := range s.headers {
		if slices.ContainsFunc(different, func(name string) bool { return strings.HasPrefix(h, name) }) {
			continue
		}
		const until = "X-Amz-Object-Lock-Retain-Until-Date: "
		if at, ok := strings.CutPrefix(h, until); ok {
			at, err := time.Parse("2006-01-02T15:04:05.999Z", at)
			h = fmt.Sprint(until, at.Round(time.Hour), err)
		}
		all = append(all, h)
	}
	slices.Sort(all[1:])
	return append(all, s.body)
}

// signedAs is how the SDK's signer signs a request without the headers that
// only the SDK sends, at the time of another.
func (s sent) signedAs(other sent, token string) string {
	header := http.Header{}
	for _, h := range s.headers {
		name, value, _ := strings.Cut(h, ": ")
		if name != "Host" && name != "Content-Length" && !slices.Contains(different, name+": ") {
			header.Add(name, value)
		}
	}
	if until := other.one("X-Amz-Object-Lock-Retain-Until-Date"); until != "" {
		header.Set("X-Amz-Object-Lock-Retain-Until-Date", until)
	}
	creds := aws.Credentials{AccessKeyID: gateway.AccessKey, SecretAccessKey: gateway.SecretKey, SessionToken: token}
	return s.sign(header, other.one("X-Amz-Date"), creds)
}

// wrongSignature signs a request again, over the headers that it says are
// signed, and says what is wrong if the result is another one.
func (s sent) wrongSignature(content []byte, token string) string {
	return s.wrongFor(aws.Credentials{AccessKeyID: gateway.AccessKey, SecretAccessKey: gateway.SecretKey, SessionToken: token}, content)
}

func (s sent) wrongFor(creds aws.Credentials, content []byte) string {
	auth := s.one("Authorization")
	_, after, _ := strings.Cut(auth, "SignedHeaders=")
	names, _, _ := strings.Cut(after, ",")
	signed := strings.Split(names, ";")
	header := http.Header{}
	for _, h := range s.headers {
		name, value, _ := strings.Cut(h, ": ")
		if lower := strings.ToLower(name); slices.Contains(signed, lower) && lower != "host" && lower != "content-length" {
			header.Add(name, value)
		}
	}
	must := []string{"host", "content-type", "x-amz-content-sha256", "x-amz-checksum-crc32c", "x-amz-date"}
	if creds.SessionToken != "" {
		must = append(must, "x-amz-security-token")
	}
	for _, name := range must {
		if !slices.Contains(signed, name) {
			return name + " is not signed"
		}
	}
	sum := sha256.Sum256(content)
	if s.body != string(content) || header.Get("X-Amz-Content-Sha256") != hex.EncodeToString(sum[:]) {
		return "signed for other content"
	}
	if want := s.sign(header, s.one("X-Amz-Date"), creds); want != auth {
		return "signed as " + auth + "; should be " + want
	}
	return ""
}

// sign is what the SDK's signer makes of a request with other headers.
func (s sent) sign(header http.Header, date string, creds aws.Credentials) string {
	at, err := time.Parse("20060102T150405Z", date)
	scope := strings.Split(s.one("Authorization"), "/")
	parts := strings.Split(s.line, " ")
	if err != nil || len(scope) < 4 || len(parts) != 3 {
		return "no signature: " + s.one("Authorization")
	}
	again, err := http.NewRequest(parts[0], "http://"+s.one("Host")+parts[1], nil)
	if err != nil {
		return err.Error()
	}
	again.Header, again.ContentLength = header, int64(len(s.body))
	again.Host = s.one("Host")
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	err = signer.SignHTTP(context.Background(), creds, again, header.Get("X-Amz-Content-Sha256"), scope[3], scope[2], at)
	if err != nil {
		return err.Error()
	}
	return again.Header.Get("Authorization")
}
