package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"hash/crc32"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"logstow/archive/store"
)

// Where the loops put.
const (
	loopBucket = "bench"
	loopRegion = "us-east-1"
)

// loopOptions is what a loop that only puts is told.
type loopOptions struct {
	endpoint       string
	records, index string
	workers        int
	credentials    aws.Credentials // from the environment
}

func parseLoop(name string, args []string) (o loopOptions, err error) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.StringVar(&o.endpoint, "endpoint", "", "the server")
	flags.StringVar(&o.records, "records", "", "the corpus")
	flags.StringVar(&o.index, "index", "", "of the corpus")
	flags.IntVar(&o.workers, "workers", 32, "puts at a time")
	o.credentials = aws.Credentials{AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY")}
	return o, flags.Parse(args)
}

// putLoop is the part of bench that only puts: every record at its key, with
// the AWS SDK as it is and the same headers as logstow's, and nothing else. It
// reads nothing of a record and records nothing.
func putLoop(ctx context.Context, args []string) error {
	o, err := parseLoop("put-loop", args)
	if err != nil {
		return err
	}
	transport := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost, t.MaxIdleConns = o.workers, 0
		t.WriteBufferSize = 32 << 10
		t.DisableCompression = true
	})
	client := s3.New(s3.Options{
		BaseEndpoint: &o.endpoint, Region: loopRegion, UsePathStyle: true, HTTPClient: transport,
		Credentials:                credentials.StaticCredentialsProvider{Value: o.credentials},
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
	})
	return eachRecord(ctx, o.records, o.index, o.workers, func() func(context.Context, string, []byte) error {
		body := bytes.NewReader(nil)
		return func(ctx context.Context, key string, data []byte) error {
			body.Reset(data)
			sum := binary.BigEndian.AppendUint32(nil, crc32.Checksum(data, store.Castagnoli))
			_, err := client.PutObject(ctx, &s3.PutObjectInput{
				Bucket: aws.String(loopBucket), Key: &key, Body: body, ContentType: aws.String("application/json"),
				IfNoneMatch: aws.String("*"), ChecksumCRC32C: aws.String(base64.StdEncoding.EncodeToString(sum)),
			})
			return err
		}
	})
}
