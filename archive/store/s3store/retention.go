package s3store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"logstow/archive/store"
)

// errNotLocked says that a version has no lock of the kind that was asked for.
var errNotLocked = errors.New("no lock of this kind")

// Retention implements store.Retainer, with a request for each kind of lock: the
// headers of an object keep quiet about what the credentials may not know.
func (s *Store) Retention(ctx context.Context, key, id string) (store.Retention, error) {
	kept, err := s.retention(ctx, key, id)
	if err != nil {
		return store.Retention{}, fmt.Errorf("read the retention of %s: %w", key, err)
	}
	return kept, nil
}

func (s *Store) retention(ctx context.Context, key, id string) (kept store.Retention, err error) {
	name, err := s.name(ctx, key)
	if err != nil {
		return kept, err
	}
	var version *string
	if id != "" {
		version = &id
	}
	date, err := s.client.GetObjectRetention(ctx, &s3.GetObjectRetentionInput{Bucket: &s.config.Bucket, Key: &name, VersionId: version})
	err = lockError(ctx, err)
	if err != nil && !errors.Is(err, errNotLocked) {
		return kept, err
	}
	if err == nil && date.Retention != nil {
		kept.Until, kept.Mode = aws.ToTime(date.Retention.RetainUntilDate).UTC(), string(date.Retention.Mode)
	}
	legal, err := s.client.GetObjectLegalHold(ctx, &s3.GetObjectLegalHoldInput{Bucket: &s.config.Bucket, Key: &name, VersionId: version})
	err = lockError(ctx, err)
	if err != nil && !errors.Is(err, errNotLocked) {
		return kept, err
	}
	if err == nil && legal.LegalHold != nil {
		kept.Legal = legal.LegalHold.Status == types.ObjectLockLegalHoldStatusOn
	}
	return kept, nil
}

// SetLegalHold implements store.Retainer.
func (s *Store) SetLegalHold(ctx context.Context, key string, on bool) error {
	name, err := s.name(ctx, key)
	if err == nil {
		status := types.ObjectLockLegalHoldStatusOff
		if on {
			status = types.ObjectLockLegalHoldStatusOn
		}
		_, err = s.client.PutObjectLegalHold(ctx, &s3.PutObjectLegalHoldInput{
			Bucket: &s.config.Bucket, Key: &name, LegalHold: &types.ObjectLockLegalHold{Status: status},
		}, sendMD5)
		err = lockError(ctx, err)
	}
	if err != nil {
		return fmt.Errorf("set the legal hold of %s: %w", key, err)
	}
	return nil
}

// lockError translates an error of a request about an object's locks.
func lockError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	f, _ := inspect(err)
	translated := translate(ctx, err)
	switch {
	case ctx.Err() != nil:
		return translated
	case f.code == "NoSuchObjectLockConfiguration":
		return errNotLocked
	case f.code == "InvalidRequest" || f.code == "ObjectLockConfigurationNotFoundError":
		return fmt.Errorf("the bucket has no Object Lock: %w: %w", errors.ErrUnsupported, translated)
	case f.status == http.StatusMethodNotAllowed && isMarker(err):
		return fmt.Errorf("%s: %w", f, fs.ErrNotExist)
	case f.status == http.StatusMethodNotAllowed:
		return fmt.Errorf("the server has no Object Lock: %w: %w", errors.ErrUnsupported, translated)
	}
	return translated
}

// isMarker tells whether an answer is about a delete marker.
func isMarker(err error) bool {
	var response *awshttp.ResponseError
	return errors.As(err, &response) && response.Response != nil && response.Response.Header.Get("X-Amz-Delete-Marker") == "true"
}
