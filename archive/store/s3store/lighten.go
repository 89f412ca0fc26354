package s3store

import "github.com/aws/aws-sdk-go-v2/service/s3"

func lighten(o *s3.Options) {}
