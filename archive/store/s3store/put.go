package s3store

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"

	"logstow/archive/store"
)

// maxObject is what one request may write.
const maxObject = 5 << 30

// Put implements store.Store, in one request. A conditional one whose answer
// was lost is repeated and may then lose to itself.
func (s *Store) Put(ctx context.Context, key string, body store.Body, opts store.PutOptions) error {
	if err := s.put(ctx, key, body, opts); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}

func (s *Store) put(ctx context.Context, key string, body store.Body, opts store.PutOptions) error {
	name, err := s.name(ctx, key)
	if err != nil {
		return err
	}
	if err := store.CheckPut(body, opts); err != nil {
		return err
	}
	if body.Size > maxObject {
		return fmt.Errorf("%d bytes, more than one request may write (%d): %w", body.Size, int64(maxObject), fs.ErrInvalid)
	}
	attempts := s.direct.retryer.MaxAttempts()
	if s.direct.fits(body, opts) {
		done, tried, err := s.putDirect(ctx, name, body, opts)
		if done || err != nil {
			return conditionLost(err, opts)
		}
		attempts = max(attempts-tried, 1)
	}
	return s.putBySDK(ctx, name, body, opts, func(o *s3.Options) {
		o.Retryer = retry.AddWithMaxAttempts(o.Retryer, attempts)
		if opts.Paced {
			o.Retryer = unlessThrottled{o.Retryer}
		}
	})
}

// putBySDK puts an object with the SDK alone.
func (s *Store) putBySDK(ctx context.Context, name string, body store.Body, opts store.PutOptions, set func(*s3.Options)) error {
	content := &content{section: io.NewSectionReader(body, 0, body.Size)}
	in := s.putInput(name, body.Size, opts)
	in.Body = content
	in.ChecksumCRC32C = aws.String(base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, body.CRC32C)))
	_, err := s.client.PutObject(ctx, in, set, func(o *s3.Options) {
		o.Retryer = unlessBroken{o.Retryer, content}
		o.APIOptions = append(o.APIOptions[:len(o.APIOptions):len(o.APIOptions)], withPayloadHash(body.SHA256[:]))
	})
	broken := content.finish()
	if err == nil {
		return nil
	}
	if broken != nil && ctx.Err() == nil {
		return broken
	}
	return conditionLost(translate(ctx, err), opts)
}

// conditionLost names the condition that did not hold, where that is the error.
func conditionLost(err error, opts store.PutOptions) error {
	var precondition *preconditionError
	switch {
	case errors.As(err, &precondition) && opts.IfAbsent:
		return fmt.Errorf("%w: %w", fs.ErrExist, err)
	case errors.As(err, &precondition), opts.IfMatch != "" && errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %s", store.ErrChanged, err.Error())
	}
	return err
}

func (s *Store) putInput(name string, size int64, opts store.PutOptions) *s3.PutObjectInput {
	in := &s3.PutObjectInput{
		Bucket:               &s.config.Bucket,
		Key:                  &name,
		ContentLength:        &size,
		ContentType:          aws.String(or(opts.ContentType, "application/json")),
		Metadata:             opts.Metadata,
		ServerSideEncryption: types.ServerSideEncryption(s.config.SSE),
		StorageClass:         types.StorageClass(s.config.StorageClass),
		ObjectLockMode:       types.ObjectLockMode(s.config.LockMode),
	}
	if s.config.KMSKey != "" {
		in.SSEKMSKeyId = &s.config.KMSKey
	}
	if s.tagging != "" {
		in.Tagging = &s.tagging
	}
	if s.config.LockDays > 0 {
		in.ObjectLockRetainUntilDate = aws.Time(time.Now().UTC().AddDate(0, 0, s.config.LockDays))
	}
	if opts.IfAbsent {
		in.IfNoneMatch = aws.String("*")
	}
	if opts.IfMatch != "" {
		in.IfMatch = &opts.IfMatch
	}
	return in
}

// content is what is sent. It remembers why it could not be read, and is not
// read any more once the Put is over, although the transport may still try
// where the server answered early.
type content struct {
	mu      sync.Mutex
	section *io.SectionReader // guarded by mu
	err     error             // guarded by mu
	over    bool              // guarded by mu
}

func (c *content) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return 0, io.ErrClosedPipe
	}
	n, err := c.section.Read(p)
	if err == nil {
		return n, nil
	}
	at, _ := c.section.Seek(0, io.SeekCurrent) // it never fails
	switch {
	case err != io.EOF:
	case at < c.section.Size():
		err = io.ErrUnexpectedEOF
	default:
		return n, err
	}
	c.err = fmt.Errorf("read the body at %d of %d bytes: %w", at, c.section.Size(), err)
	return n, c.err
}

func (c *content) Seek(offset int64, whence int) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.section.Seek(offset, whence)
}

func (c *content) broken() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// finish ends all reading, and says whether it had failed.
func (c *content) finish() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	return c.err
}

// unlessBroken is a Retryer that does not repeat what can't be read.
type unlessBroken struct {
	aws.Retryer
	content *content
}

func (r unlessBroken) IsErrorRetryable(err error) bool {
	return r.content.broken() == nil && r.Retryer.IsErrorRetryable(err)
}

// unlessThrottled is a Retryer for those who slow down by themselves. It is not
// the store that asks for it where no credentials are to be had.
type unlessThrottled struct{ aws.Retryer }

func (r unlessThrottled) IsErrorRetryable(err error) bool {
	f, answered := inspect(err)
	var creds *credentialsError
	if answered && f.throttled() && !errors.As(err, &creds) {
		return false
	}
	return r.Retryer.IsErrorRetryable(err)
}

// withPayloadHash signs a request with a SHA-256 that is known already. Over
// TLS it makes the SDK sign the content too, which it would leave out.
func withPayloadHash(sum []byte) func(*middleware.Stack) error {
	hash := hex.EncodeToString(sum)
	return func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("logstowPayloadHash",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				return next.HandleInitialize(v4.SetPayloadHash(ctx, hash), in)
			}), middleware.Before)
	}
}
