package s3store

import (
	"net/http"
	"time"
)

// maxSkew is how far from the server's clock a request may be signed before
// that is taken for the reason why it was refused. The SDK's is the same.
const maxSkew = 4 * time.Minute

// skewCodes are what S3 calls a request that was signed at another time.
var skewCodes = map[string]bool{
	"RequestTimeTooSkewed": true, "SignatureDoesNotMatch": true, "InvalidSignatureException": true,
	"AuthFailure": true, "AccessDeniedException": true,
}

// clock tells the time that requests are signed for.
func (d *direct) clock(now time.Time) time.Time { return now.Add(time.Duration(d.skew.Load())) }

// adjust corrects the clock where a request was refused because of it, and
// tells whether it was: then the request is worth another try. It was made at
// asked, and signed for another time.
func (d *direct) adjust(a answer, asked, signed, answered time.Time) bool {
	if a.status < 400 || a.status >= 500 || a.date == "" || a.cached || !skewCodes[a.failure().code] {
		return false
	}
	date, err := http.ParseTime(a.date)
	if err != nil {
		return false
	}
	ahead := date.Sub(asked.Add(answered.Sub(asked) / 2))
	if off := ahead - signed.Sub(asked); off.Abs() <= maxSkew {
		return false
	}
	d.skew.Store(int64(ahead))
	return true
}
