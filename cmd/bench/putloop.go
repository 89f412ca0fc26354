package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"hash/crc32"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"logstow/archive/store"
)

// putLoop is the part of bench that only puts: every record at its key, with
// the AWS SDK as it is and the same headers as logstow's, and nothing else. It
// reads nothing of a record and records nothing.
func putLoop(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("put-loop", flag.ContinueOnError)
	endpoint := flags.String("endpoint", "", "the server")
	records := flags.String("records", "", "the corpus")
	index := flags.String("index", "", "of the corpus")
	workers := flags.Int("workers", 32, "puts at a time")
	if err := flags.Parse(args); err != nil {
		return err
	}
	transport := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost, t.MaxIdleConns = *workers, 0
		t.WriteBufferSize = 32 << 10
		t.DisableCompression = true
	})
	client := s3.New(s3.Options{
		BaseEndpoint: endpoint, Region: "us-east-1", UsePathStyle: true, HTTPClient: transport,
		Credentials:                credentials.NewStaticCredentialsProvider("bench", "benchbench", ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
	})
	return eachRecord(ctx, *records, *index, *workers, func() func(context.Context, string, []byte) error {
		body := bytes.NewReader(nil)
		return func(ctx context.Context, key string, data []byte) error {
			body.Reset(data)
			sum := binary.BigEndian.AppendUint32(nil, crc32.Checksum(data, store.Castagnoli))
			_, err := client.PutObject(ctx, &s3.PutObjectInput{
				Bucket: aws.String("bench"), Key: &key, Body: body, ContentType: aws.String("application/json"),
				IfNoneMatch: aws.String("*"), ChecksumCRC32C: aws.String(base64.StdEncoding.EncodeToString(sum)),
			})
			return err
		}
	})
}
