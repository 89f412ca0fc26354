package s3store

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"logstow/archive/store"
)

// request is a Put to be written.
type request struct {
	name   string // of the object in the bucket
	body   store.Body
	opts   store.PutOptions
	creds  aws.Credentials
	now    time.Time // from which on an object is locked
	signed time.Time // when the server takes it for signed
}

// query names the operation, for whoever reads logs. The SDK sends it too.
const query = "x-id=PutObject"

// The headers of a Put that are signed.
var (
	contentLength = header{"Content-Length", "content-length"}
	contentType   = header{"Content-Type", "content-type"}
	ifMatch       = header{"If-Match", "if-match"}
	ifNoneMatch   = header{"If-None-Match", "if-none-match"}
	checksum      = header{"X-Amz-Checksum-Crc32c", "x-amz-checksum-crc32c"}
	contentSHA256 = header{"X-Amz-Content-Sha256", "x-amz-content-sha256"}
	amzDate       = header{"X-Amz-Date", "x-amz-date"}
	lockMode      = header{"X-Amz-Object-Lock-Mode", "x-amz-object-lock-mode"}
	lockUntil     = header{"X-Amz-Object-Lock-Retain-Until-Date", "x-amz-object-lock-retain-until-date"}
	securityToken = header{"X-Amz-Security-Token", "x-amz-security-token"}
	encryption    = header{"X-Amz-Server-Side-Encryption", "x-amz-server-side-encryption"}
	kmsKey        = header{"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "x-amz-server-side-encryption-aws-kms-key-id"}
	storageClass  = header{"X-Amz-Storage-Class", "x-amz-storage-class"}
	tags          = header{"X-Amz-Tagging", "x-amz-tagging"}
)

// signable tells whether credentials can be sent as they are.
func signable(c aws.Credentials) bool {
	return plain(c.AccessKeyID) && (c.SessionToken == "" || plain(c.SessionToken))
}

// write writes a request into h, and signs it.
func (d *direct) write(h *head, where *place, r request) {
	at := r.signed.AppendFormat(make([]byte, 0, len(signedTime)), signedTime)
	sum := hex.AppendEncode(make([]byte, 0, 2*len(r.body.SHA256)), r.body.SHA256[:])
	h.path = appendEscaped(append(h.path[:0], where.path...), r.name)
	h.begin(query)
	h.sendHeader("Host", where.host)
	h.sendHeader("User-Agent", "logstow")
	if r.body.Size == 0 {
		h.sendHeader(contentLength.sent, "0")
	} else {
		signHeader(h, contentLength, strconv.AppendInt(nil, r.body.Size, 10))
	}
	signHeader(h, contentType, or(r.opts.ContentType, "application/json"))
	signOnly(h, "host", where.host)
	h.signUnlessEmpty(ifMatch, r.opts.IfMatch)
	if r.opts.IfAbsent {
		signHeader(h, ifNoneMatch, "*")
	}
	var crc [4]byte
	binary.BigEndian.PutUint32(crc[:], r.body.CRC32C)
	signHeader(h, checksum, base64.StdEncoding.AppendEncode(make([]byte, 0, 8), crc[:]))
	signHeader(h, contentSHA256, sum)
	signHeader(h, amzDate, at)
	h.signUnlessEmpty(lockMode, d.fixed.lockMode)
	if d.fixed.lockDays > 0 {
		until := r.now.AddDate(0, 0, d.fixed.lockDays)
		signHeader(h, lockUntil, until.AppendFormat(nil, lockedUntil))
	}
	h.signUnlessEmpty(securityToken, r.creds.SessionToken)
	h.signUnlessEmpty(encryption, d.fixed.sse)
	h.signUnlessEmpty(kmsKey, d.fixed.kmsKey)
	h.signUnlessEmpty(storageClass, d.fixed.class)
	h.signUnlessEmpty(tags, d.fixed.tagging)
	h.sign(d.signingKey(r.creds, where.region, r.signed), sum, at)
}

// signUnlessEmpty adds a header that not every request has.
func (h *head) signUnlessEmpty(name header, value string) {
	if value != "" {
		signHeader(h, name, value)
	}
}

// signingKey returns the key for a time, which is derived once a day.
func (d *direct) signingKey(creds aws.Credentials, region string, at time.Time) *signingKey {
	k := d.key.Load()
	if !k.fits(creds, region, at) {
		k = derive(creds, region, at)
		d.key.Store(k)
	}
	return k
}
