package s3store_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/store/s3store"
)

func TestParseURL(t *testing.T) {
	for rawURL, want := range map[string]s3store.Config{
		"s3://bucket":         {Bucket: "bucket"},
		"s3://bucket/":        {Bucket: "bucket"},
		"s3://bucket/a/b%20c": {Bucket: "bucket", Prefix: "a/b c"},
		"s3://bucket/a/b/":    {Bucket: "bucket", Prefix: "a/b"},
		"s3://my_bucket.x/p?region=eu-central-1&endpoint=http://127.0.0.1:7070&path_style=true": {
			Bucket: "my_bucket.x", Prefix: "p", Region: "eu-central-1", Endpoint: "http://127.0.0.1:7070", PathStyle: true,
		},
		"s3://bucket?profile=prod&assume_role=arn:aws:iam::123456789012:role/logs&external_id=x%26y": {
			Bucket: "bucket", Profile: "prod", AssumeRole: "arn:aws:iam::123456789012:role/logs", ExternalID: "x&y",
		},
		"s3://bucket?sse=aws:kms&kms_key=arn:aws:kms:eu:1:key/2&storage_class=standard_ia&tags=team=logs,cost=12%2B&lock_mode=compliance&lock_days=365": {
			Bucket: "bucket", SSE: "aws:kms", KMSKey: "arn:aws:kms:eu:1:key/2", StorageClass: "STANDARD_IA",
			Tags: map[string]string{"team": "logs", "cost": "12+"}, LockMode: "COMPLIANCE", LockDays: 365,
		},
	} {
		got, err := s3store.ParseURL(rawURL)
		if err != nil {
			t.Errorf("ParseURL(%q): %v", rawURL, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ParseURL(%q) (-want +got):\n%s", rawURL, diff)
		}
	}
}

func TestParseURLRefuses(t *testing.T) {
	for rawURL, want := range map[string]string{
		"bucket":                    "scheme",
		"http://bucket/x":           "scheme",
		"s3://":                     "bucket name",
		"s3://ab":                   "bucket name",
		"s3://bucket:7070/x":        "endpoint=",
		"s3://key:hunter2@bucket/x": "credentials",
		"s3://hunter2\x7f":          "no URL",
		"s3://bucket/a//b":          "segment is empty",
		"s3://bucket/a/../b":        "segment is ..",
		"s3://bucket/" + strings.Repeat("p", 101):           "101 bytes",
		"s3://bucket/a#b":                                   "fragment",
		"s3://bucket?regoin=x":                              "unknown parameter regoin",
		"s3://bucket?access_key_id=hunter2":                 "credentials",
		"s3://bucket?secret_access_key=hunter2":             "credentials",
		"s3://bucket?region=a&region=b":                     "region is given 2 times",
		"s3://bucket?region=":                               "region is empty",
		"s3://bucket?path_style=maybe":                      "path_style",
		"s3://bucket?endpoint=localhost":                    "endpoint",
		"s3://bucket?endpoint=ftp://x":                      "endpoint",
		"s3://bucket?endpoint=http://a:hunter2@x":           "credentials",
		"s3://bucket?endpoint=http://x/bucket":              "endpoint",
		"s3://bucket?sse=aws:kmss":                          "aws:kmss",
		"s3://bucket?kms_key=x":                             "kms_key",
		"s3://bucket?external_id=x":                         "external_id",
		"s3://bucket?tags=a":                                "tag \"a\"",
		"s3://bucket?tags=a=1,a=2":                          "a is given twice",
		"s3://bucket?tags=a=,b=,c=,d=,e=,f=,g=,h=,i=,j=,k=": "11 tags",
		"s3://bucket?client=curl":                           "client",
		"s3://bucket?lock_mode=GOVERNANCE":                  "lock_days",
		"s3://bucket?lock_days=3":                           "lock_mode",
		"s3://bucket?lock_mode=x&lock_days=3":               "lock_mode",
		"s3://bucket?lock_mode=GOVERNANCE&lock_days=x":      "lock_days",
		"s3://bucket?lock_mode=GOVERNANCE&lock_days=-1":     "lock_days",
		"s3://bucket--use1-az4--x-s3":                       "unsorted",
		"s3://bucket?region=%zz":                            "can't be read",
	} {
		_, err := s3store.ParseURL(rawURL)
		if !errors.Is(err, fs.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseURL(%q) = %v, want fs.ErrInvalid with %q", rawURL, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("ParseURL(%q) = %v, which repeats a secret", rawURL, err)
		}
	}
}
