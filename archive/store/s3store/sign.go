package s3store

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const (
	algorithm   = "AWS4-HMAC-SHA256"
	signedTime  = "20060102T150405Z"
	lockedUntil = "2006-01-02T15:04:05.999Z"
	secondsDay  = 24 * 60 * 60
)

// signingKey signs requests of one day, region and pair of keys.
type signingKey struct {
	access, secret, region string
	day                    int64  // since 1970
	scope                  string // of the signature
	key                    []byte
}

// fits tells whether a key is still the one to sign with.
func (k *signingKey) fits(creds aws.Credentials, region string, now time.Time) bool {
	return k != nil && k.day == now.Unix()/secondsDay && k.access == creds.AccessKeyID && k.secret == creds.SecretAccessKey && k.region == region
}

// derive makes the key for a time, in UTC.
func derive(creds aws.Credentials, region string, now time.Time) *signingKey {
	day := now.Format("20060102")
	key := []byte("AWS4" + creds.SecretAccessKey)
	for _, part := range []string{day, region, "s3", "aws4_request"} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return &signingKey{
		access: creds.AccessKeyID, secret: creds.SecretAccessKey, region: region,
		day: now.Unix() / secondsDay, scope: day + "/" + region + "/s3/aws4_request", key: key,
	}
}

// head is the request line and the headers of a request while they are written
// and signed. It is used again and again.
type head struct {
	path  []byte // of the object, escaped
	wire  []byte // as it is sent
	canon []byte // as it is signed
	names []byte // of the signed headers
	toSign,
	sum []byte

	key *signingKey // that mac belongs to
	mac hash.Hash
}

// header is a header's name as it is sent and as it is signed.
type header struct{ sent, signed string }

// begin starts a head with its request line.
func (h *head) begin(query string) {
	h.wire = append(append(append(append(h.wire[:0], "PUT "...), h.path...), '?'), query...)
	h.wire = append(h.wire, " HTTP/1.1\r\n"...)
	h.canon = append(append(append(append(h.canon[:0], "PUT\n"...), h.path...), '\n'), query...)
	h.canon = append(h.canon, '\n')
	h.names = h.names[:0]
}

// sendHeader adds a header that is not signed.
func (h *head) sendHeader(name, value string) {
	h.wire = append(append(append(append(h.wire, name...), ": "...), value...), "\r\n"...)
}

// signHeader adds one that is signed, in the order of their names. Its value is
// plain.
func signHeader[T string | []byte](h *head, name header, value T) {
	h.wire = append(append(append(append(h.wire, name.sent...), ": "...), value...), "\r\n"...)
	signOnly(h, name.signed, value)
}

// signOnly adds to what is signed a header that was sent already.
func signOnly[T string | []byte](h *head, name string, value T) {
	h.canon = append(append(append(append(h.canon, name...), ':'), value...), '\n')
	if len(h.names) > 0 {
		h.names = append(h.names, ';')
	}
	h.names = append(h.names, name...)
}

// sign ends a head with the signature for content with a SHA-256 in hex, as of
// a time that was signed too.
func (h *head) sign(k *signingKey, contentSum, at []byte) {
	h.canon = append(append(append(append(h.canon, '\n'), h.names...), '\n'), contentSum...)
	sum := sha256.Sum256(h.canon)
	h.toSign = append(append(append(append(h.toSign[:0], algorithm+"\n"...), at...), '\n'), k.scope...)
	h.toSign = hex.AppendEncode(append(h.toSign, '\n'), sum[:])
	if h.key != k {
		h.key, h.mac = k, hmac.New(sha256.New, k.key)
	}
	h.mac.Reset()
	h.mac.Write(h.toSign)
	h.sum = h.mac.Sum(h.sum[:0])
	h.wire = append(append(append(append(h.wire, "Authorization: "+algorithm+" Credential="...), k.access...), '/'), k.scope...)
	h.wire = append(append(append(h.wire, ", SignedHeaders="...), h.names...), ", Signature="...)
	h.wire = append(hex.AppendEncode(h.wire, h.sum), "\r\n\r\n"...)
}

// plain tells whether a header's value is sent and signed as it stands: visible
// ASCII, with single spaces between.
func plain(value string) bool {
	before := byte(' ')
	for i := range len(value) {
		c := value[i]
		if c < ' ' || c > '~' || c == ' ' && before == ' ' {
			return false
		}
		before = c
	}
	return value != "" && before != ' '
}

// appendEscaped appends a key, escaped as S3 wants it signed.
func appendEscaped(b []byte, name string) []byte {
	const hexDigits = "0123456789ABCDEF"
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~' || c == '/' {
			b = append(b, c)
			continue
		}
		b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
	}
	return b
}
