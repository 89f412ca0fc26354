package s3store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"logstow/archive/store"
)

// failure is what is known about a request that failed.
type failure struct {
	status    int    // of HTTP; 0 where there was no answer, or in a batch
	code      string // of S3
	message   string
	requestID string
}

// translate turns an error of the SDK into one of package store.
func translate(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctxErr := ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	var creds *credentialsError
	if errors.As(err, &creds) {
		return translateCredentials(creds)
	}
	f, answered := inspect(err)
	if !answered {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, innermost(err))
	}
	return f.err()
}

// inspect reads what an answer said; answered is false if there was none.
func inspect(err error) (f failure, answered bool) {
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.Response != nil && response.Response.Response != nil {
		f.status, f.requestID = response.HTTPStatusCode(), response.ServiceRequestID()
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		f.code, f.message = api.ErrorCode(), api.ErrorMessage()
	}
	if f.message == "" && f.code == "" {
		f.message = innermost(err).Error()
	}
	return f, f.status != 0 || f.code != ""
}

// innermost strips the SDK's layers, which say little.
func innermost(err error) error {
	var operation *smithy.OperationError
	for errors.As(err, &operation) {
		err = operation.Err
	}
	var response *awshttp.ResponseError
	for errors.As(err, &response) {
		err = response.Err
	}
	return err
}

// translateCredentials says why there are no credentials. Only a token service
// that doesn't answer is worth another try.
func translateCredentials(err *credentialsError) error {
	var operation *smithy.OperationError
	if errors.As(err, &operation) && (operation.ServiceID == "STS" || operation.ServiceID == "SSO OIDC") {
		if f, answered := inspect(operation); !answered || f.status >= 500 || f.status == http.StatusTooManyRequests {
			return fmt.Errorf("get credentials: %w: %w", store.ErrUnavailable, innermost(operation))
		}
	}
	return fmt.Errorf("get credentials: %w: %w: %w: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "+
		"or run where a role is attached", store.ErrRefused, store.ErrCredentials, err.error)
}

// err returns the error of package store for a failure.
func (f failure) err() error {
	what := f.String()
	switch {
	case f.code == "PreconditionFailed" || f.status == http.StatusPreconditionFailed:
		return &preconditionError{what}
	case f.code == "NoSuchBucket":
		return refused(what, "create the bucket, or correct its name or region")
	case f.code == "NoSuchKey" || f.code == "NoSuchVersion" || f.code == "NotFound" || f.status == http.StatusNotFound:
		return fmt.Errorf("%s: %w", what, fs.ErrNotExist)
	case f.code == "KeyTooLongError" || f.code == "ExistingObjectIsDirectory" || f.code == "ObjectParentIsFile":
		return fmt.Errorf("%s: %w", what, fs.ErrInvalid)
	case f.throttled():
		return fmt.Errorf("%s: %w: run again later", what, store.ErrThrottled)
	case broken[f.code] || f.status >= 500 && f.status != http.StatusNotImplemented && f.code != "NotImplemented", f.status == http.StatusRequestTimeout:
		return fmt.Errorf("%s: %w: run again later", what, store.ErrUnavailable)
	case f.code == "ConditionalRequestConflict" || f.code == "OperationAborted":
		return fmt.Errorf("%s: %w: another write of the same key did not end", what, store.ErrUnavailable)
	case damaged[f.code]:
		return fmt.Errorf("%s: the content was changed on its way", what)
	case strings.HasPrefix(f.code, "KMS."):
		return refused(what, "check that the KMS key exists, is enabled, and may be used by these credentials")
	case f.code == "NotImplemented" || f.status == http.StatusNotImplemented:
		return fmt.Errorf("%w: %w", refused(what, "the server lacks a feature that is asked for"), errors.ErrUnsupported)
	case unknownCaller[f.code] != "":
		return fmt.Errorf("%s: %w: %w: %s", what, store.ErrRefused, store.ErrCredentials, unknownCaller[f.code])
	case advice[f.code] != "":
		return refused(what, advice[f.code])
	case denied[f.code] || f.status == http.StatusForbidden || f.status == http.StatusUnauthorized:
		return fmt.Errorf("%w: %w", refused(what, "allow it in the policies of the role and of the bucket"), fs.ErrPermission)
	case f.status == http.StatusMovedPermanently || f.status == http.StatusTemporaryRedirect:
		return refused(what, advice["PermanentRedirect"])
	}
	return refused(what, "the server does not take this request")
}

// String names the failure in the server's own words.
func (f failure) String() string {
	var b strings.Builder
	b.WriteString(f.code)
	if f.message != "" {
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(strings.TrimSuffix(f.message, "."))
	}
	var details []string
	if f.status != 0 {
		details = append(details, fmt.Sprintf("status %d", f.status))
	}
	if f.requestID != "" {
		details = append(details, "request "+f.requestID)
	}
	if len(details) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(details, ", "))
	}
	return b.String()
}

func refused(what, todo string) error {
	return fmt.Errorf("%s: %w: %s", what, store.ErrRefused, todo)
}

// preconditionError is a condition that did not hold. Put says which.
type preconditionError struct{ what string }

func (e *preconditionError) Error() string { return e.what }

// throttled tells whether the server asks for fewer requests.
func (f failure) throttled() bool {
	return slower[f.code] || strings.Contains(f.code, "Throttl") ||
		f.status == http.StatusTooManyRequests || f.status == http.StatusServiceUnavailable
}

var slower = map[string]bool{
	"SlowDown": true, "TooManyRequests": true, "RequestLimitExceeded": true, "BandwidthLimitExceeded": true,
	"ServiceUnavailable": true, "503": true,
}

// broken are failures of the server that may pass.
var broken = map[string]bool{"InternalError": true, "RequestTimeout": true}

var damaged = map[string]bool{
	"BadDigest": true, "InvalidDigest": true, "XAmzContentSHA256Mismatch": true, "XAmzContentChecksumMismatch": true, "IncompleteBody": true,
}

var denied = map[string]bool{
	"AccessDenied": true, "Forbidden": true, "AllAccessDisabled": true, "AccountProblem": true, "UnauthorizedAccess": true,
	"ObjectLocked": true, "InvalidPayer": true,
}

// unknownCaller says what to do about credentials that are not accepted.
var unknownCaller = map[string]string{
	"InvalidAccessKeyId":    "check the access key, and that it belongs to this server",
	"SignatureDoesNotMatch": "check the secret key and the region",
	"ExpiredToken":          "the session has expired: log in again, or use credentials that renew themselves",
	"ExpiredTokenException": "the session has expired: log in again, or use credentials that renew themselves",
	"InvalidToken":          "the session token is not valid here: log in again",
	"TokenRefreshRequired":  "the session has to be renewed: log in again",
}

// advice says what to do about errors that no repetition will cure.
var advice = map[string]string{
	"RequestTimeTooSkewed":         "set this machine's clock: it differs too much from the server's",
	"AuthorizationHeaderMalformed": "check the region: add region=… to the URL",
	"PermanentRedirect":            "the bucket is elsewhere: correct region=… or endpoint=… in the URL",
	"TemporaryRedirect":            "the bucket is elsewhere: correct region=… or endpoint=… in the URL",
	"IllegalLocationConstraint":    "the bucket is in another region: correct region=… in the URL",
	"InvalidBucketName":            "correct the bucket's name",
	"InvalidObjectState":           "the object is in an archive storage class: restore it first",
	"InvalidStorageClass":          "correct storage_class=… in the URL",
	"InvalidTag":                   "correct tags=… in the URL",
	"EntityTooLarge":               "the server takes no object of this size",
	"InvalidEncryptionAlgorithm":   "correct sse=… in the URL",
}
