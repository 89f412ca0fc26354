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

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"logstow/archive/store"
)

// deleteBatch is how many keys one request may name.
const deleteBatch = 1000

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	var errs []error
	var objects []types.ObjectIdentifier
	for _, key := range keys {
		name, err := s.name(ctx, key)
		if err != nil {
			errs = append(errs, fmt.Errorf("delete %s: %w", key, err))
			continue
		}
		objects = append(objects, types.ObjectIdentifier{Key: &name})
	}
	for batch := range slices.Chunk(objects, deleteBatch) {
		if len(batch) == 1 {
			errs = append(errs, s.deleteOne(ctx, *batch[0].Key, nil))
			continue
		}
		errs = append(errs, s.deleteMany(ctx, batch)...)
	}
	return errors.Join(errs...)
}

func (s *Store) deleteOne(ctx context.Context, name string, version *string) error {
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.config.Bucket, Key: &name, VersionId: version})
	err = translate(ctx, err)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("delete %s: %w", strings.TrimPrefix(name, s.prefix), err)
}

// deleteMany removes up to deleteBatch objects in one request.
func (s *Store) deleteMany(ctx context.Context, objects []types.ObjectIdentifier) []error {
	out, err := s.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: &s.config.Bucket,
		Delete: &types.Delete{Objects: objects, Quiet: aws.Bool(true)},
	}, func(o *s3.Options) {
		// Servers older than the SDK's checksums insist on Content-MD5.
		o.APIOptions = append(o.APIOptions[:len(o.APIOptions):len(o.APIOptions)], smithyhttp.AddContentChecksumMiddleware)
	})
	if err != nil {
		return []error{fmt.Errorf("delete %d objects from %s on: %w",
			len(objects), strings.TrimPrefix(*objects[0].Key, s.prefix), translate(ctx, err))}
	}
	var errs []error
	for _, e := range out.Errors {
		err := failure{code: aws.ToString(e.Code), message: aws.ToString(e.Message)}.err()
		if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("delete %s: %w", strings.TrimPrefix(aws.ToString(e.Key), s.prefix), err))
		}
	}
	return errs
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
	in.KeyMarker, in.VersionIdMarker = nil, nil
	if aws.ToBool(out.IsTruncated) {
		marker := aws.ToString(out.NextKeyMarker)
		if out.EncodingType == types.EncodingTypeUrl {
			if marker, err = s.key(marker, out.EncodingType); err != nil {
				return nil, err
			}
			marker = s.prefix + marker
		}
		if marker == "" {
			return nil, fmt.Errorf("the server cut its answer short and gave no marker to go on with: %w", store.ErrRefused)
		}
		in.KeyMarker, in.VersionIdMarker = &marker, out.NextVersionIdMarker
	}
	return versions, nil
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

// DeleteVersion implements store.Versioner.
func (s *Store) DeleteVersion(ctx context.Context, key, id string) error {
	name, err := s.name(ctx, key)
	if err == nil && id == "" {
		err = fmt.Errorf("no version is named: %w", fs.ErrInvalid)
	}
	if err != nil {
		return fmt.Errorf("delete a version of %s: %w", key, err)
	}
	return s.deleteOne(ctx, name, &id)
}
