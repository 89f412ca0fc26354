package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"logstow/archive/store"
)

// Get implements store.Store. The checksum that the server states is verified
// where an object is read to its end.
func (s *Store) Get(ctx context.Context, key string, part store.Range) (io.ReadCloser, store.Info, error) {
	r, info, err := s.get(ctx, key, part)
	if err != nil {
		return nil, store.Info{}, fmt.Errorf("get %s: %w", key, err)
	}
	return r, info, nil
}

func (s *Store) get(ctx context.Context, key string, part store.Range) (io.ReadCloser, store.Info, error) {
	name, err := s.name(ctx, key)
	if err != nil {
		return nil, store.Info{}, err
	}
	if err := store.CheckRange(part); err != nil {
		return nil, store.Info{}, err
	}
	in := &s3.GetObjectInput{Bucket: &s.config.Bucket, Key: &name}
	if part != (store.Range{}) {
		in.Range = aws.String(rangeHeader(part))
	}
	out, err := s.client.GetObject(ctx, in)
	if err != nil {
		if f, _ := inspect(err); f.status == http.StatusRequestedRangeNotSatisfiable {
			info, err := s.stat(ctx, key)
			return io.NopCloser(strings.NewReader("")), info, err
		}
		return nil, store.Info{}, translate(ctx, err)
	}
	info := store.Info{
		Key: key, Size: aws.ToInt64(out.ContentLength), ModTime: aws.ToTime(out.LastModified).UTC(),
		ETag: aws.ToString(out.ETag), Metadata: out.Metadata,
	}
	if part != (store.Range{}) {
		if info.Size, err = sizeOfWhole(aws.ToString(out.ContentRange), part, info.Size); err != nil {
			return nil, store.Info{}, errors.Join(err, out.Body.Close())
		}
	}
	return &reader{ctx: ctx, body: out.Body}, info, nil
}

func rangeHeader(part store.Range) string {
	header := "bytes=" + strconv.FormatInt(part.Offset, 10) + "-"
	if part.Length == 0 || part.Length > math.MaxInt64-part.Offset {
		return header
	}
	return header + strconv.FormatInt(part.Offset+part.Length-1, 10)
}

// sizeOfWhole reads the object's size from "bytes 0-9/100".
func sizeOfWhole(contentRange string, part store.Range, length int64) (int64, error) {
	at, total, ok := strings.Cut(strings.TrimPrefix(contentRange, "bytes "), "/")
	size, err := strconv.ParseInt(total, 10, 64)
	want := strconv.FormatInt(part.Offset, 10) + "-" + strconv.FormatInt(part.Offset+length-1, 10)
	if !ok || err != nil || at != want {
		return 0, fmt.Errorf("the server answered with %d bytes, range %q, when asked for %d from %d: %w",
			length, contentRange, part.Length, part.Offset, store.ErrRefused)
	}
	return size, nil
}

// reader translates the errors of a body. The body belongs to a request, whose
// context it can't do without.
type reader struct {
	ctx  context.Context
	body io.ReadCloser
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	if ctxErr := r.ctx.Err(); ctxErr != nil {
		return n, ctxErr
	}
	return n, fmt.Errorf("the answer broke off: %w: %w", store.ErrUnavailable, err)
}

func (r *reader) Close() error { return r.body.Close() }

// Stat implements store.Store.
func (s *Store) Stat(ctx context.Context, key string) (store.Info, error) {
	info, err := s.stat(ctx, key)
	if err != nil {
		return store.Info{}, fmt.Errorf("stat %s: %w", key, err)
	}
	return info, nil
}

func (s *Store) stat(ctx context.Context, key string) (store.Info, error) {
	name, err := s.name(ctx, key)
	if err != nil {
		return store.Info{}, err
	}
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.config.Bucket, Key: &name})
	if err != nil {
		return store.Info{}, translate(ctx, err)
	}
	return store.Info{
		Key: key, Size: aws.ToInt64(out.ContentLength), ModTime: aws.ToTime(out.LastModified).UTC(),
		ETag: aws.ToString(out.ETag), Metadata: out.Metadata,
	}, nil
}

// List implements store.Store. A server that lists out of order is an error:
// too much depends on it.
func (s *Store) List(ctx context.Context, opts store.ListOptions) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) {
		in := &s3.ListObjectsV2Input{
			Bucket:       &s.config.Bucket,
			Prefix:       aws.String(s.prefix + opts.Prefix),
			EncodingType: types.EncodingTypeUrl, // XML can't hold every key
		}
		if opts.After != "" {
			in.StartAfter = aws.String(s.prefix + opts.After)
		}
		last := opts.After
		for {
			page, err := s.page(ctx, in)
			if err != nil {
				yield(store.Info{}, fmt.Errorf("list %q: %w", opts.Prefix, err))
				return
			}
			for _, object := range page.Contents {
				info, err := s.listed(object, page.EncodingType)
				if err == nil && info.Key <= last && last != "" {
					err = fmt.Errorf("the server lists %q after %q, out of order: %w", info.Key, last, store.ErrRefused)
				}
				if err != nil {
					yield(store.Info{}, fmt.Errorf("list %q: %w", opts.Prefix, err))
					return
				}
				last = info.Key
				if !yield(info, nil) {
					return
				}
			}
			if in.ContinuationToken = page.NextContinuationToken; in.ContinuationToken == nil {
				return
			}
		}
	}
}

func (s *Store) page(ctx context.Context, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	page, err := s.client.ListObjectsV2(ctx, in)
	if err != nil {
		return nil, translate(ctx, err)
	}
	if more := aws.ToBool(page.IsTruncated); more != (page.NextContinuationToken != nil) {
		if more {
			return nil, fmt.Errorf("the server cut its answer short and gave no token to go on with: %w", store.ErrRefused)
		}
		page.NextContinuationToken = nil
	}
	return page, nil
}

func (s *Store) listed(object types.Object, encoding types.EncodingType) (store.Info, error) {
	key, err := s.key(aws.ToString(object.Key), encoding)
	return store.Info{
		Key: key, Size: aws.ToInt64(object.Size),
		ModTime: aws.ToTime(object.LastModified).UTC(), ETag: aws.ToString(object.ETag),
	}, err
}

// key returns the key of an object's name in a listing.
func (s *Store) key(name string, encoding types.EncodingType) (string, error) {
	if encoding == types.EncodingTypeUrl {
		decoded, err := url.QueryUnescape(name)
		if err != nil {
			return "", fmt.Errorf("the server lists %q, which is not URL-encoded as it says: %w", name, store.ErrRefused)
		}
		name = decoded
	}
	key, ok := strings.CutPrefix(name, s.prefix)
	if !ok {
		return "", fmt.Errorf("the server lists %q, which does not begin with %q: %w", name, s.prefix, store.ErrRefused)
	}
	return key, nil
}

// Lock implements store.Locker.
func (s *Store) Lock(ctx context.Context) (store.Lock, error) {
	out, err := s.client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &s.config.Bucket})
	if err != nil {
		f, _ := inspect(err)
		err = translate(ctx, err)
		if f.code == "ObjectLockConfigurationNotFoundError" || f.code != "NoSuchBucket" && errors.Is(err, fs.ErrNotExist) {
			return store.Lock{}, nil
		}
		return store.Lock{}, fmt.Errorf("read the Object Lock configuration: %w", err)
	}
	c := out.ObjectLockConfiguration
	if c == nil || c.ObjectLockEnabled != types.ObjectLockEnabledEnabled {
		return store.Lock{}, nil
	}
	lock := store.Lock{Enabled: true}
	if c.Rule != nil && c.Rule.DefaultRetention != nil {
		d := c.Rule.DefaultRetention
		days := int64(aws.ToInt32(d.Days)) + 365*int64(aws.ToInt32(d.Years))
		lock.Mode, lock.Default = string(d.Mode), time.Duration(days)*24*time.Hour
	}
	return lock, nil
}
