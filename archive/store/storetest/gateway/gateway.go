// Package gateway runs a real S3 server, versitygw, for tests and benchmarks.
//
// The server is a pinned tool of the project's own (tools/versitygw.mod). It
// listens on loopback only, keeps its objects in a directory, and ends with
// whoever started it, even when that is killed.
package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What every Gateway is reached with.
const (
	AccessKey = "logstowtest"
	SecretKey = "logstowtestsecret"
	Region    = "us-east-1"
)

// Options says what the first bucket is like.
type Options struct {
	Bucket     string // "logstow" where empty; three letters or more
	Versioning bool   // the bucket keeps versions
	ObjectLock bool   // the bucket locks objects, and keeps versions
	Address    string // 127.0.0.1:PORT, where a former server was found; a free port where empty
}

// Gateway is a running server.
type Gateway struct {
	Endpoint string // http://127.0.0.1:PORT
	Bucket   string // the first bucket
	Data     string // the directory that holds the buckets as directories

	log   string // file with what the server printed
	cmd   *exec.Cmd
	alive io.Closer // the server ends when this is closed
}

// Start runs a server in a temporary directory until the test ends. It fails
// the test if it can't.
func Start(tb testing.TB, opts Options) *Gateway {
	tb.Helper()
	g, err := StartIn(tb.Context(), tb.TempDir(), opts)
	if err != nil {
		tb.Fatalf("start an S3 server: %v", err)
	}
	tb.Cleanup(func() {
		if err := g.Close(); err != nil {
			tb.Errorf("stop the S3 server: %v", err)
		}
	})
	return g
}

// StartIn runs a server whose data is in dir, until Close. It returns when the
// server answers and the bucket is there. A directory that a former server
// used is used on, with its buckets.
func StartIn(ctx context.Context, dir string, opts Options) (*Gateway, error) {
	if opts.Bucket == "" {
		opts.Bucket = "logstow"
	}
	binary, err := find(ctx)
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	// Somebody else may take the port between our choice and its use.
	var errs []error
	for range 3 {
		g, err := start(ctx, binary, dir, opts.Address)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		g.Bucket = opts.Bucket
		if err := g.CreateBucket(ctx, opts); err != nil {
			return nil, errors.Join(err, g.Close())
		}
		return g, nil
	}
	return nil, errors.Join(errs...)
}

// Close ends the server, if it still runs, and waits for its end.
func (g *Gateway) Close() error {
	if g.alive == nil {
		return nil
	}
	err := g.alive.Close()
	g.alive = nil
	return errors.Join(err, g.cmd.Wait())
}

// Ended tells, after Close, what the server used.
func (g *Gateway) Ended() *os.ProcessState { return g.cmd.ProcessState }

// Env returns what a process needs in its environment to use the server, with
// no other configuration of AWS.
func (g *Gateway) Env() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=" + AccessKey,
		"AWS_SECRET_ACCESS_KEY=" + SecretKey,
		"AWS_SESSION_TOKEN=",
		"AWS_REGION=" + Region,
		"AWS_PROFILE=",
		"AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
	}
}

// Setenv puts Env into the environment of a test.
func (g *Gateway) Setenv(t *testing.T) {
	t.Helper()
	for _, pair := range g.Env() {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
}

// URL returns the store URL of a prefix in the first bucket.
func (g *Gateway) URL(prefix string) string {
	query := url.Values{"endpoint": {g.Endpoint}, "path_style": {"true"}, "region": {Region}}
	u := url.URL{Scheme: "s3", Host: g.Bucket, Path: prefix, RawQuery: query.Encode()}
	if prefix != "" {
		u.Path = "/" + prefix
	}
	return u.String()
}

// find returns the server's binary, which the go command builds at most once.
func find(ctx context.Context) (string, error) {
	root, err := repository()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "tool", "-modfile="+filepath.Join(root, "tools", "versitygw.mod"), "-n", "versitygw")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", cmd, err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}

// repository returns the nearest folder upwards that holds tools/versitygw.mod.
func repository() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "tools", "versitygw.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no tools/versitygw.mod in %s or above", start)
		}
	}
}

// leash runs a command until standard input ends, which it does with the
// process that holds the other end.
const leash = `"$@" & read -r _; kill -9 $!; wait`

func start(ctx context.Context, binary, dir, address string) (*Gateway, error) {
	if address == "" {
		var err error
		if address, err = freeAddress(); err != nil {
			return nil, err
		}
	}
	g := &Gateway{
		Endpoint: "http://" + address,
		Data:     filepath.Join(dir, "data"),
		log:      filepath.Join(dir, "gateway.log"),
	}
	versions := filepath.Join(dir, "versions")
	for _, d := range []string{g.Data, versions} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	log, err := os.Create(g.log)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the server has it open
	g.cmd = exec.Command("sh", "-c", leash, "sh", binary, "--port", address, "--region", Region,
		"--quiet", "--keep-alive", "posix", "--versioning-dir", versions, g.Data)
	g.cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+AccessKey, "ROOT_SECRET_KEY="+SecretKey)
	g.cmd.Stdout, g.cmd.Stderr = log, log
	g.alive, err = g.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	if err := g.ready(ctx); err != nil {
		said, _ := os.ReadFile(g.log) // there may be nothing to add
		return nil, errors.Join(fmt.Errorf("%s: %w: %s", binary, err, said), g.Close())
	}
	return g, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// ready waits until the server answers at all.
func (g *Gateway) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.Endpoint, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			return resp.Body.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
