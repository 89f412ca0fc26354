package s3store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"logstow/archive/store"
)

// versionedFor is how long it is believed that a bucket never kept versions.
// That it did is true for ever.
const versionedFor = time.Minute

// Versioned implements store.Versioner.
func (s *Store) Versioned(ctx context.Context) (bool, error) {
	s.asking.Lock()
	defer s.asking.Unlock()
	if s.versioned || !s.asked.IsZero() && time.Since(s.asked) < versionedFor {
		return s.versioned || s.mayBe, nil
	}
	out, err := s.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &s.config.Bucket})
	err = translate(ctx, err)
	switch {
	case err == nil:
		s.versioned, s.mayBe = out.Status != "", false
	case errors.Is(err, store.ErrRefused) || errors.Is(err, fs.ErrNotExist): // of a server that doesn't know the request
		s.mayBe = true
	default:
		return false, fmt.Errorf("ask whether bucket %s keeps versions: %w", s.config.Bucket, err)
	}
	s.asked = time.Now()
	return s.versioned || s.mayBe, nil
}

// Versions implements store.Versioner. Of one object's versions and delete
// markers from the same second, other than the latest, the order is not known.
func (s *Store) Versions(ctx context.Context, prefix string) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) {
		in := &s3.ListObjectVersionsInput{
			Bucket:       &s.config.Bucket,
			Prefix:       aws.String(s.prefix + prefix),
			EncodingType: types.EncodingTypeUrl,
		}
		for {
			versions, err := s.versionsPage(ctx, in)
			if err != nil {
				yield(store.Version{}, fmt.Errorf("list the versions of %q: %w", prefix, err))
				return
			}
			for _, v := range versions {
				if !yield(v, nil) {
					return
				}
			}
			if in.KeyMarker == nil {
				return
			}
		}
	}
}

// versionsPage fetches what in asks for, and makes in ask for what comes next.
func (s *Store) versionsPage(ctx context.Context, in *s3.ListObjectVersionsInput) ([]store.Version, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out, err := s.client.ListObjectVersions(ctx, in)
	if err != nil {
		return nil, translate(ctx, err)
	}
	versions := make([]store.Version, 0, len(out.Versions)+len(out.DeleteMarkers))
	for _, v := range out.Versions {
		key, err := s.key(aws.ToString(v.Key), out.EncodingType)
		if err != nil {
			return nil, err
		}
		versions = append(versions, store.Version{
			Info: store.Info{Key: key, Size: aws.ToInt64(v.Size), ModTime: aws.ToTime(v.LastModified).UTC(), ETag: aws.ToString(v.ETag)},
			ID:   aws.ToString(v.VersionId), Latest: aws.ToBool(v.IsLatest),
		})
	}
	for _, v := range out.DeleteMarkers {
		key, err := s.key(aws.ToString(v.Key), out.EncodingType)
		if err != nil {
			return nil, err
		}
		versions = append(versions, store.Version{
			Info: store.Info{Key: key, ModTime: aws.ToTime(v.LastModified).UTC()},
			ID:   aws.ToString(v.VersionId), Latest: aws.ToBool(v.IsLatest), Deleted: true,
		})
	}
	slices.SortStableFunc(versions, byKeyNewestFirst)
	if in.KeyMarker != nil {
		// Some servers begin with the version that the last page ended with.
		after := strings.TrimPrefix(*in.KeyMarker, s.prefix)
		versions = slices.DeleteFunc(versions, func(v store.Version) bool {
			return v.Key == after && v.ID == aws.ToString(in.VersionIdMarker)
		})
	}
	in.KeyMarker, in.VersionIdMarker, err = s.marker(out.IsTruncated, out.NextKeyMarker, out.NextVersionIdMarker, out.EncodingType)
	return versions, err
}

func byKeyNewestFirst(a, b store.Version) int {
	latest := 0
	switch {
	case a.Latest && !b.Latest:
		latest = -1
	case b.Latest && !a.Latest:
		latest = 1
	}
	return cmp.Or(strings.Compare(a.Key, b.Key), latest, b.ModTime.Compare(a.ModTime))
}
