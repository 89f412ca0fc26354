package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"logstow/layout"
)

// File is what a download URL of logstow's own server names.
type File struct {
	Object   string // key in the store
	Filename string
	Expires  time.Time
}

// Path is where logstow's own server serves files: Path + "/" + what URL adds.
const Path = "/files"

// The limits of what is signed and read.
const (
	maxFilename = 1000
	maxQuery    = 4 * maxFilename
)

// The parameters of a URL. Each is there once, and no other.
const (
	paramExpires   = "expires"
	paramFilename  = "name"
	paramSignature = "signature"
)

// isFile tells whether a key is that of an export's file, and of which export.
// Nothing else is signed or verified, whatever a signature says. No character
// of such a key is ever escaped, so that there is one way to write it.
func isFile(key string) (export string, ok bool) {
	name, err := layout.Parse(key)
	if err != nil || name.Kind != layout.ExportKey {
		return "", false
	}
	return name.ID, true
}

// URL returns a signed URL on BaseURL, good until a second of f.Expires.
// Signed are key, file name and expiry. It is ErrNoURL without a BaseURL.
func (t *Tokens) URL(f File) (string, error) {
	_, ok := isFile(f.Object)
	switch {
	case t.baseURL == "":
		return "", fmt.Errorf("%w: the store makes no URLs, and the URL of logstow serve is not set", ErrNoURL)
	case !ok:
		return "", fmt.Errorf("sign a URL for %q: it is no file of an export", f.Object)
	case len(f.Filename) > maxFilename:
		return "", fmt.Errorf("sign a URL for %s: its file name has %d bytes, more than %d", f.Object, len(f.Filename), maxFilename)
	}
	query := url.Values{
		paramExpires:   {strconv.FormatInt(f.Expires.Unix(), 10)},
		paramFilename:  {f.Filename},
		paramSignature: {t.sign(f)},
	}
	return t.baseURL + Path + "/" + strings.TrimPrefix(f.Object, layout.Exports) + "?" + query.Encode(), nil
}

// Verify returns the file that a request's path (after Path and a slash) and
// raw query name, or ErrBadURL: for a bad signature, a changed part, or a time
// that is over. It compares in constant time.
func (t *Tokens) Verify(path, rawQuery string) (File, error) {
	f, signature, ok := parse(path, rawQuery)
	if !ok || !hmac.Equal([]byte(signature), []byte(t.sign(f))) {
		return File{}, ErrBadURL
	}
	if !t.now().Before(f.Expires) {
		return File{}, fmt.Errorf("%w: it expired at %s", ErrBadURL, f.Expires.Format(time.RFC3339))
	}
	return f, nil
}

// parse reads what a URL says, true or not.
func parse(path, rawQuery string) (f File, signature string, ok bool) {
	f.Object = layout.Exports + path
	if _, ok := isFile(f.Object); !ok || len(rawQuery) > maxQuery {
		return File{}, "", false
	}
	query, err := url.ParseQuery(rawQuery)
	if err != nil || len(query) != 3 {
		return File{}, "", false
	}
	for _, name := range []string{paramExpires, paramFilename, paramSignature} {
		if len(query[name]) != 1 {
			return File{}, "", false
		}
	}
	seconds, err := strconv.ParseInt(query.Get(paramExpires), 10, 64)
	if err != nil {
		return File{}, "", false
	}
	f.Filename, f.Expires = query.Get(paramFilename), time.Unix(seconds, 0).UTC()
	return f, query.Get(paramSignature), true
}

// sign returns the signature of a file. Every part is preceded by its length,
// so that no two files are signed alike.
func (t *Tokens) sign(f File) string {
	message := []byte("logstow download 1")
	for _, part := range []string{f.Object, f.Filename} {
		message = binary.BigEndian.AppendUint64(message, uint64(len(part)))
		message = append(message, part...)
	}
	message = binary.BigEndian.AppendUint64(message, uint64(f.Expires.Unix()))
	mac := hmac.New(sha256.New, t.secret)
	mac.Write(message)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
