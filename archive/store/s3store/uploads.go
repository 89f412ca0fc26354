package s3store

import (
	"context"
	"fmt"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"logstow/archive/store"
)

// Uploads implements store.Uploads.
func (s *Store) Uploads(ctx context.Context, prefix string) iter.Seq2[store.Upload, error] {
	return func(yield func(store.Upload, error) bool) {
		in := &s3.ListMultipartUploadsInput{
			Bucket:       &s.config.Bucket,
			Prefix:       aws.String(s.prefix + prefix),
			EncodingType: types.EncodingTypeUrl,
		}
		for {
			uploads, err := s.uploadsPage(ctx, in)
			if err != nil {
				yield(store.Upload{}, fmt.Errorf("list the unfinished uploads of %q: %w", prefix, err))
				return
			}
			for _, u := range uploads {
				if !yield(u, nil) {
					return
				}
			}
			if in.KeyMarker == nil {
				return
			}
		}
	}
}

// uploadsPage fetches what in asks for, and makes in ask for what comes next.
func (s *Store) uploadsPage(ctx context.Context, in *s3.ListMultipartUploadsInput) ([]store.Upload, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out, err := s.client.ListMultipartUploads(ctx, in)
	if err != nil {
		return nil, translate(ctx, err)
	}
	var uploads []store.Upload
	for _, u := range out.Uploads {
		key, err := s.key(aws.ToString(u.Key), out.EncodingType)
		if err != nil {
			return nil, err
		}
		uploads = append(uploads, store.Upload{Key: key, ID: aws.ToString(u.UploadId), Begun: aws.ToTime(u.Initiated).UTC()})
	}
	in.KeyMarker, in.UploadIdMarker, err = s.marker(out.IsTruncated, out.NextKeyMarker, out.NextUploadIdMarker, out.EncodingType)
	return uploads, err
}

// marker returns where a listing of more than objects goes on; nil: it has ended.
func (s *Store) marker(truncated *bool, next, nextID *string, encoding types.EncodingType) (key, id *string, err error) {
	if !aws.ToBool(truncated) {
		return nil, nil, nil
	}
	name := aws.ToString(next)
	if name == "" {
		return nil, nil, fmt.Errorf("the server cut its answer short and gave no marker to go on with: %w", store.ErrRefused)
	}
	name, err = s.key(name, encoding)
	if err != nil {
		return nil, nil, err
	}
	name = s.prefix + name
	return &name, nextID, nil
}
