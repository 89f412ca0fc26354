package s3store

import (
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"logstow/archive/store"
)

// MaxPrefix is how many bytes a prefix may have, so that the longest document
// key fits behind it.
const MaxPrefix = 100

// Config says where a store is and how objects are written there. Credentials
// are not part of it: they come from the AWS SDK's own chain (environment,
// profile, web identity, container, instance).
type Config struct {
	Bucket    string
	Prefix    string // of every key, without a slash at the end; at most MaxPrefix bytes
	Region    string // "": from the environment or profile; us-east-1 where there is an Endpoint
	Endpoint  string // "": Amazon's; else http(s)://host[:port]
	PathStyle bool   // the bucket goes into the path, not into the host name

	Profile    string // in the shared configuration files
	AssumeRole string // ARN of a role to take on
	ExternalID string // for AssumeRole, where its trust policy wants one

	SSE          string            // "" (the bucket's default), "AES256" or "aws:kms"
	KMSKey       string            // for aws:kms; "": the account's default key
	StorageClass string            // "": STANDARD
	Tags         map[string]string // of every object, at most 10
	LockMode     string            // "" (the bucket's default), "GOVERNANCE" or "COMPLIANCE"
	LockDays     int               // how long each new object is locked; with LockMode

	// Client says what puts objects of up to 1 MB. "" or "direct" is one plain
	// request over connections of our own, with the SDK for whatever does not
	// succeed at once; "sdk" is the SDK alone. The server sees the same.
	Client string

	Concurrency     int           // requests at a time that connections are kept for; 0: 64
	ConnectTimeout  time.Duration // 0: 10 s
	ResponseTimeout time.Duration // for the answer once a request was sent; 0: 60 s
	MaxAttempts     int           // of one request, the first included; 0: 8
	MaxBackoff      time.Duration // between two attempts; 0: 20 s
}

// sdkAlone is the Client that makes no request of our own.
const sdkAlone = "sdk"

// Clients are the values that Config.Client may have.
func Clients() []string { return []string{"direct", sdkAlone} }

// ParseURL reads
//
//	s3://bucket/prefix?region=…&endpoint=…&path_style=true&profile=…
//	  &assume_role=…&external_id=…&sse=…&kms_key=…&storage_class=…
//	  &tags=name=value,name=value&lock_mode=…&lock_days=…&client=sdk
//
// where everything but the bucket may be missing. What it doesn't know or
// can't use is an fs.ErrInvalid that names it.
func ParseURL(rawURL string) (Config, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		// The error of url.Parse repeats the URL, which may hold a password.
		return Config{}, fmt.Errorf("store URL: it is no URL: %w", fs.ErrInvalid)
	}
	c, err := parse(u)
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return Config{}, fmt.Errorf("store URL %s: %w", bare(u), err)
	}
	return c, nil
}

// bare returns a URL without the parts that may hold a secret.
func bare(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

func parse(u *url.URL) (Config, error) {
	switch {
	case u.Scheme != "s3":
		return Config{}, invalid("the scheme is %q, not s3", u.Scheme)
	case u.User != nil:
		return Config{}, invalid("credentials don't belong in a URL: use the environment, a profile or a role")
	case u.Fragment != "":
		return Config{}, invalid("it has a fragment, %q; a # in a prefix is written %%23", u.Fragment)
	case u.Port() != "":
		return Config{}, invalid("%q is no bucket: give the server as endpoint=http://host:port", u.Host)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Config{}, invalid("its parameters can't be read")
	}
	c := Config{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/")}
	for name, values := range query {
		if len(values) != 1 {
			return Config{}, invalid("parameter %s is given %d times", name, len(values))
		}
		if err := c.set(name, values[0]); err != nil {
			return Config{}, err
		}
	}
	return c, nil
}

// set sets what one parameter of the URL says.
func (c *Config) set(name, value string) (err error) {
	if value == "" {
		return invalid("parameter %s is empty", name)
	}
	switch name {
	case "region":
		c.Region = value
	case "endpoint":
		c.Endpoint = value
	case "path_style":
		if c.PathStyle, err = strconv.ParseBool(value); err != nil {
			return invalid("parameter path_style is %q, neither true nor false", value)
		}
	case "profile":
		c.Profile = value
	case "assume_role":
		c.AssumeRole = value
	case "external_id":
		c.ExternalID = value
	case "sse":
		c.SSE = value
	case "kms_key":
		c.KMSKey = value
	case "storage_class":
		c.StorageClass = strings.ToUpper(value)
	case "tags":
		c.Tags, err = parseTags(value)
	case "lock_mode":
		c.LockMode = strings.ToUpper(value)
	case "lock_days":
		if c.LockDays, err = strconv.Atoi(value); err != nil {
			return invalid("parameter lock_days is %q, no number", value)
		}
	case "client":
		c.Client = value
	default:
		return unknown(name)
	}
	return err
}

func unknown(name string) error {
	lower := strings.ToLower(name)
	for _, secret := range []string{"access", "secret", "key_id", "token", "password"} {
		if strings.Contains(lower, secret) {
			return invalid("unknown parameter %s; credentials don't belong in a URL: use the environment, a profile or a role", name)
		}
	}
	return invalid("unknown parameter %s; known are region, endpoint, path_style, profile, assume_role, external_id, "+
		"sse, kms_key, storage_class, tags, lock_mode, lock_days and client", name)
}

func parseTags(list string) (map[string]string, error) {
	tags := map[string]string{}
	for pair := range strings.SplitSeq(list, ",") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, invalid("tag %q is not of the form name=value", pair)
		}
		if _, twice := tags[name]; twice {
			return nil, invalid("tag %s is given twice", name)
		}
		tags[name] = value
	}
	return tags, nil
}

// check says what is wrong with a Config.
func (c *Config) check() error {
	switch {
	case len(c.Bucket) < 3 || len(c.Bucket) > 63 || strings.ContainsAny(c.Bucket, "/:@ "):
		return invalid("%q is no bucket name", c.Bucket)
	case strings.HasSuffix(c.Bucket, "--x-s3"):
		return invalid("%s is a directory bucket (S3 Express), which lists its objects unsorted", c.Bucket)
	case len(c.Prefix) > MaxPrefix:
		return invalid("the prefix has %d bytes, more than %d", len(c.Prefix), MaxPrefix)
	case c.SSE != "" && c.SSE != "AES256" && c.SSE != "aws:kms":
		return invalid("sse is %q, neither AES256 nor aws:kms", c.SSE)
	case c.KMSKey != "" && c.SSE != "aws:kms":
		return invalid("kms_key needs sse=aws:kms")
	case c.ExternalID != "" && c.AssumeRole == "":
		return invalid("external_id needs assume_role")
	case len(c.Tags) > 10:
		return invalid("%d tags, more than the 10 that an object may have", len(c.Tags))
	case c.LockMode != "" && c.LockMode != "GOVERNANCE" && c.LockMode != "COMPLIANCE":
		return invalid("lock_mode is %q, neither GOVERNANCE nor COMPLIANCE", c.LockMode)
	case (c.LockMode == "") != (c.LockDays == 0):
		return invalid("lock_mode and lock_days need each other")
	case c.LockDays < 0 || c.LockDays > 36500:
		return invalid("lock_days is %d, not from 1 to 36500", c.LockDays)
	case !slices.Contains(Clients(), c.Client) && c.Client != "":
		return invalid("client is %q, none of %s", c.Client, strings.Join(Clients(), ", "))
	case c.Concurrency < 0 || c.MaxAttempts < 0:
		return invalid("a negative concurrency or number of attempts")
	}
	if c.Prefix != "" {
		if err := store.CheckKey(c.Prefix); err != nil {
			return fmt.Errorf("the prefix: %w", err)
		}
	}
	return c.checkEndpoint()
}

func (c *Config) checkEndpoint() error {
	if c.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(c.Endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return invalid("the endpoint is not of the form https://host or http://host:port")
	case u.User != nil:
		return invalid("credentials don't belong in the endpoint: use the environment, a profile or a role")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return invalid("the endpoint %s has more than a host and a port", bare(u))
	}
	return nil
}

// invalid is a mistake in the configuration.
func invalid(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, fs.ErrInvalid)...)
}
