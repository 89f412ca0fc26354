// Package s3store keeps a store's objects in a bucket of S3 or of a server
// that speaks its protocol.
package s3store

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"logstow/archive/store"
)

// Store keeps objects in a bucket. It is a Presigner, a Versioner, a Locker, a
// Retainer and Uploads.
type Store struct {
	config  Config
	prefix  string // "" or ends in a slash
	tagging string // Tags as the header wants them
	client  *s3.Client
	presign *s3.PresignClient
	direct  *direct

	credentials aws.CredentialsProvider
	refreshing  sync.Mutex
	refreshed   time.Time // guarded by refreshing; when credentials were last renewed for a URL

	asking    sync.Mutex
	versioned bool      // guarded by asking; the bucket keeps versions, or once did
	mayBe     bool      // guarded by asking; nobody could tell
	asked     time.Time // guarded by asking; when either was found out last
}

var (
	_ store.Store     = (*Store)(nil)
	_ store.Presigner = (*Store)(nil)
	_ store.Versioner = (*Store)(nil)
	_ store.Locker    = (*Store)(nil)
	_ store.Retainer  = (*Store)(nil)
	_ store.Uploads   = (*Store)(nil)
)

// Open returns the store that a Config describes. It reads the SDK's
// configuration, but asks the bucket nothing.
func Open(ctx context.Context, c Config) (*Store, error) {
	c = c.withDefaults()
	s, err := open(ctx, c, httpClient(c))
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", c.Bucket, err)
	}
	return s, nil
}

func open(ctx context.Context, c Config, client aws.HTTPClient) (*Store, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	base, err := load(ctx, c, client)
	if err != nil {
		return nil, err
	}
	s := &Store{config: c, credentials: base.Credentials, tagging: tagging(c.Tags)}
	if c.Prefix != "" {
		s.prefix = c.Prefix + "/"
	}
	s.client = s3.NewFromConfig(base, func(o *s3.Options) {
		if c.Endpoint != "" {
			o.BaseEndpoint = aws.String(c.Endpoint)
		}
		o.UsePathStyle = c.PathStyle
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenSupported
		o.DisableLogOutputChecksumValidationSkipped = true
		o.DisableS3ExpressSessionAuth = aws.Bool(true)
		o.DisableMultiRegionAccessPoints = true
		o.APIOptions = append(o.APIOptions, sendNoAcceptEncoding)
	})
	s.direct = newDirect(c, base.HTTPClient, s.tagging)
	s.presign = s3.NewPresignClient(s.client, func(o *s3.PresignOptions) {
		o.ClientOptions = append(o.ClientOptions, func(o *s3.Options) {
			o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		})
	})
	return s, nil
}

func (c Config) withDefaults() Config {
	c.Concurrency = or(c.Concurrency, 64)
	c.ConnectTimeout = or(c.ConnectTimeout, 10*time.Second)
	c.ResponseTimeout = or(c.ResponseTimeout, time.Minute)
	c.MaxAttempts = or(c.MaxAttempts, 8)
	c.MaxBackoff = or(c.MaxBackoff, 20*time.Second)
	return c
}

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// load reads the SDK's configuration and finds the credentials' source.
func load(ctx context.Context, c Config, client aws.HTTPClient) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(client),
		config.WithRetryer(func() aws.Retryer { return retryer(c) }),
		config.WithLogger(logging.Nop{}), // what matters comes back as an error
	}
	if c.Region != "" {
		options = append(options, config.WithRegion(c.Region))
	}
	if c.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(c.Profile))
	}
	base, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("read the AWS configuration: %w", err)
	}
	if base.Region == "" {
		if c.Endpoint == "" {
			return aws.Config{}, invalid("no region: add region=… to the URL or set AWS_REGION")
		}
		base.Region = "us-east-1" // what servers other than Amazon's expect
	}
	if c.AssumeRole != "" {
		client := sts.NewFromConfig(base)
		base.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(client, c.AssumeRole, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = "logstow"
			if c.ExternalID != "" {
				o.ExternalID = aws.String(c.ExternalID)
			}
		}))
	}
	base.Credentials = credentials{base.Credentials}
	return base, nil
}

// credentials marks the errors of a provider, so that they are told from those
// of the store.
type credentials struct {
	aws.CredentialsProvider
}

func (c credentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	value, err := c.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		err = &credentialsError{err}
	}
	return value, err
}

// renew makes the next Retrieve ask the source again, if it caches.
func (c credentials) renew() {
	if cache, ok := c.CredentialsProvider.(*aws.CredentialsCache); ok {
		cache.Invalidate()
	}
}

type credentialsError struct{ error }

func (e *credentialsError) Unwrap() error { return e.error }

// spare is how many idle connections are kept beyond those for Puts: for Gets
// and Lists.
const spare = 8

// writeBuffer is how much is sent at once.
const writeBuffer = 32 << 10

func httpClient(c Config) *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = c.ConnectTimeout }).
		WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConnsPerHost = c.Concurrency + spare
			t.MaxIdleConns = 0
			t.ResponseHeaderTimeout = c.ResponseTimeout
			t.ForceAttemptHTTP2 = false // one connection would be all there is
			t.WriteBufferSize = writeBuffer
			t.DisableCompression = true
		})
}

// retryer is the only thing that repeats requests. It knows one case that the
// SDK does not: two conditional writes of one key at the same moment.
func retryer(c Config) aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = c.MaxAttempts
		o.MaxBackoff = c.MaxBackoff
		o.RateLimiter = ratelimit.None // a long run uses up any quota
		o.Retryables = append(o.Retryables,
			retry.RetryableErrorCode{Codes: map[string]struct{}{"ConditionalRequestConflict": {}, "OperationAborted": {}}},
			retry.RetryableHTTPStatusCode{Codes: map[int]struct{}{http.StatusTooManyRequests: {}}})
	})
}

func tagging(tags map[string]string) string {
	values := url.Values{}
	for name, value := range tags {
		values.Set(name, value)
	}
	return strings.ReplaceAll(values.Encode(), "+", "%20")
}

// name returns the object's name in the bucket, or why there can't be one.
func (s *Store) name(ctx context.Context, key string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := store.CheckKey(key); err != nil {
		return "", err
	}
	if s.prefix == "" {
		return key, nil
	}
	return s.prefix + key, store.CheckKey(s.prefix + key)
}
