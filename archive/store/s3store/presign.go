package s3store

import (
	"context"
	"fmt"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"logstow/archive/store"
)

const (
	maxPresign = 7 * 24 * time.Hour // what Signature Version 4 allows

	// margin is how long before its credentials a URL ends.
	margin = time.Minute

	// renewEvery keeps sources whose sessions are never long enough from being
	// asked for every URL.
	renewEvery = time.Minute
)

// Presign implements store.Presigner. Credentials that would end before the
// URL are renewed first, if their source can.
func (s *Store) Presign(ctx context.Context, key string, ttl time.Duration, filename string) (string, time.Time, error) {
	address, expires, err := s.sign(ctx, key, ttl, filename)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("presign %s: %w", key, err)
	}
	return address, expires, nil
}

func (s *Store) sign(ctx context.Context, key string, ttl time.Duration, filename string) (string, time.Time, error) {
	name, err := s.name(ctx, key)
	if err != nil {
		return "", time.Time{}, err
	}
	if ttl < time.Second {
		return "", time.Time{}, invalid("a URL for %v", ttl)
	}
	ttl = min(ttl, maxPresign)
	creds, err := s.lasting(ctx, ttl+margin)
	if err != nil {
		return "", time.Time{}, translate(ctx, err)
	}
	if creds.CanExpire {
		ttl = min(ttl, time.Until(creds.Expires)-margin)
	}
	ttl = ttl.Truncate(time.Second)
	if ttl < time.Second {
		return "", time.Time{}, fmt.Errorf("%w: the credentials end at %s, too soon for a URL: use credentials that renew themselves",
			store.ErrRefused, creds.Expires.UTC().Format(time.RFC3339))
	}
	in := &s3.GetObjectInput{Bucket: &s.config.Bucket, Key: &name}
	if filename != "" {
		in.ResponseContentDisposition = aws.String(disposition(filename))
	}
	signed, err := s.presign.PresignGetObject(ctx, in, s3.WithPresignExpires(ttl), func(o *s3.PresignOptions) {
		o.ClientOptions = append(o.ClientOptions[:len(o.ClientOptions):len(o.ClientOptions)], func(o *s3.Options) {
			o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return creds, nil })
		})
	})
	if err != nil {
		return "", time.Time{}, translate(ctx, err)
	}
	expires, err := endOf(signed.URL)
	return signed.URL, expires, err
}

// lasting returns credentials that last for d, or as long as they can.
func (s *Store) lasting(ctx context.Context, d time.Duration) (aws.Credentials, error) {
	creds, err := s.credentials.Retrieve(ctx)
	if err != nil || !creds.CanExpire || time.Until(creds.Expires) >= d {
		return creds, err
	}
	source, ok := s.credentials.(credentials)
	if !ok {
		return creds, nil
	}
	s.refreshing.Lock()
	defer s.refreshing.Unlock()
	if time.Since(s.refreshed) >= renewEvery {
		s.refreshed = time.Now()
		source.renew()
	}
	return s.credentials.Retrieve(ctx)
}

// endOf reads from a presigned URL when it stops working.
func endOf(address string) (time.Time, error) {
	u, err := url.Parse(address)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the signed URL: %w", err)
	}
	query := u.Query()
	from, err := time.Parse("20060102T150405Z", query.Get("X-Amz-Date"))
	if err != nil {
		return time.Time{}, fmt.Errorf("read the signed URL's date: %w", err)
	}
	seconds, err := strconv.ParseInt(query.Get("X-Amz-Expires"), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("read how long the signed URL lives: %w", err)
	}
	return from.Add(time.Duration(seconds) * time.Second), nil
}

// disposition makes a browser save what it loads under a file name, of which
// nothing can end the header or lead to another folder.
func disposition(filename string) string {
	filename = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '/' || r == '\\' {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(filename, "_"))
	return mime.FormatMediaType("attachment", map[string]string{"filename": filename})
}
