package s3store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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
			errs = append(errs, &store.KeyError{Key: key, Err: err})
			continue
		}
		objects = append(objects, types.ObjectIdentifier{Key: &name})
	}
	return errors.Join(append(errs, s.delete(ctx, objects)...)...)
}

// DeleteVersions implements store.Versioner.
func (s *Store) DeleteVersions(ctx context.Context, versions ...store.Version) error {
	var errs []error
	var objects []types.ObjectIdentifier
	for _, v := range versions {
		name, err := s.name(ctx, v.Key)
		if err == nil && v.ID == "" {
			err = fmt.Errorf("no version is named: %w", fs.ErrInvalid)
		}
		if err != nil {
			errs = append(errs, &store.KeyError{Key: v.Key, ID: v.ID, Err: err})
			continue
		}
		objects = append(objects, types.ObjectIdentifier{Key: &name, VersionId: &v.ID})
	}
	for _, err := range s.delete(ctx, objects) {
		errs = append(errs, s.unlessGone(ctx, err))
	}
	return errors.Join(errs...)
}

// unlessGone returns nil for a version that is not there, which some servers
// refuse to delete as if its id were none.
func (s *Store) unlessGone(ctx context.Context, err error) error {
	var e *store.KeyError
	if !errors.As(err, &e) || !errors.Is(err, store.ErrRefused) || errors.Is(err, fs.ErrPermission) {
		return err
	}
	for v, listErr := range s.Versions(ctx, e.Key) {
		if listErr != nil || v.Key == e.Key && v.ID == e.ID {
			return err
		}
		if v.Key > e.Key {
			break
		}
	}
	return nil
}

func (s *Store) delete(ctx context.Context, objects []types.ObjectIdentifier) (errs []error) {
	for batch := range slices.Chunk(objects, deleteBatch) {
		if len(batch) == 1 {
			errs = append(errs, s.deleteOne(ctx, batch[0]))
			continue
		}
		errs = append(errs, s.deleteMany(ctx, batch)...)
	}
	return errs
}

func (s *Store) deleteOne(ctx context.Context, o types.ObjectIdentifier) error {
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.config.Bucket, Key: o.Key, VersionId: o.VersionId})
	err = translate(ctx, err)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return s.keyError(o.Key, o.VersionId, err)
}

// deleteMany removes up to deleteBatch objects in one request.
func (s *Store) deleteMany(ctx context.Context, objects []types.ObjectIdentifier) []error {
	out, err := s.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: &s.config.Bucket,
		Delete: &types.Delete{Objects: objects, Quiet: aws.Bool(true)},
	}, sendMD5)
	if err != nil {
		return []error{fmt.Errorf("delete %d objects from %s on: %w",
			len(objects), strings.TrimPrefix(*objects[0].Key, s.prefix), translate(ctx, err))}
	}
	var errs []error
	for _, e := range out.Errors {
		err := failure{code: aws.ToString(e.Code), message: aws.ToString(e.Message)}.err()
		if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, s.keyError(e.Key, e.VersionId, err))
		}
	}
	return errs
}

func (s *Store) keyError(name, version *string, err error) error {
	return &store.KeyError{Key: strings.TrimPrefix(aws.ToString(name), s.prefix), ID: aws.ToString(version), Err: err}
}

// sendMD5 adds a Content-MD5, on which servers older than the SDK's checksums
// insist.
func sendMD5(o *s3.Options) {
	o.APIOptions = append(o.APIOptions[:len(o.APIOptions):len(o.APIOptions)], smithyhttp.AddContentChecksumMiddleware)
}
