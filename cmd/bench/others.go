package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// bentoConfig makes Bento, and what it was forked from, write each record to
// the key that logstow gives it. Four in flight is its best setting where the
// server is near.
const bentoConfig = `
http: {enabled: false}
logger: {level: ERROR}
input:
  file:
    paths: [%q]
    scanner: {lines: {max_buffer_size: 4000000}}
output:
  aws_s3:
    bucket: bench
    endpoint: %q
    region: us-east-1
    force_path_style_urls: true
    credentials: {id: bench, secret: benchbench}
    content_type: application/json
    max_in_flight: %d
    path: '${! json("account_id") }/jobs/${! json("recipe_id") }/${! json("completed_at").slice(0, 10).replace_all("-", "") }/${! json("id") }/${! json("account_id") }-${! json("recipe_id") }-${! json("id") }-${! json("completed_at").slice(0, 19).re_replace_all("[^0-9]", "") }-${! json("status") }.json'
`

// bento puts by Bento or Redpanda Connect, which do the whole job: reading the
// records, naming them by what is in them, putting them.
func bento(program string, inFlight int) putter {
	return func(ctx context.Context, b *bench, to server) (sample, error) {
		path := filepath.Join(b.scratch, "config.yaml")
		if err := os.WriteFile(path, fmt.Appendf(nil, bentoConfig, b.files.Records, to.endpoint, inFlight), 0o644); err != nil {
			return sample{}, err
		}
		args := []string{"-c", path}
		if program == "redpanda-connect" {
			args = []string{"run", path}
		}
		return b.other(exec.CommandContext(ctx, program, args...), to)
	}
}

// s5cmd puts by s5cmd, from records that are files already. 256 workers are its
// default.
func s5cmd(ctx context.Context, b *bench, to server) (sample, error) {
	files, err := b.split(ctx)
	if err != nil {
		return sample{}, err
	}
	return b.other(exec.CommandContext(ctx, "s5cmd", "--endpoint-url", to.endpoint, "--log", "error", "--numworkers", "256",
		"cp", files+"/", "s3://bench/"), to)
}

// rclone puts by rclone, from records that are files already. It is told to
// look at nothing that is there, neither before nor after, and not to read
// ahead what is small anyway.
func rclone(transfers int) putter {
	return func(ctx context.Context, b *bench, to server) (sample, error) {
		files, err := b.split(ctx)
		if err != nil {
			return sample{}, err
		}
		cmd := exec.CommandContext(ctx, "rclone", "copy", files, "bench:bench", "--config", os.DevNull,
			"--transfers", strconv.Itoa(transfers), "--checkers", "16", "--no-traverse", "--no-check-dest", "--ignore-checksum",
			"--s3-no-head", "--s3-no-check-bucket", "--buffer-size", "0", "--stats", "0", "--log-level", "ERROR")
		cmd.Env = append(os.Environ(), "RCLONE_CONFIG_BENCH_TYPE=s3", "RCLONE_CONFIG_BENCH_PROVIDER=Other",
			"RCLONE_CONFIG_BENCH_ENV_AUTH=true", "RCLONE_CONFIG_BENCH_REGION=us-east-1", "RCLONE_CONFIG_BENCH_ENDPOINT="+to.endpoint)
		return b.other(cmd, to)
	}
}

// other measures another program.
func (b *bench) other(cmd *exec.Cmd, to server) (sample, error) {
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, to.env...)
	u, _, err := measure(cmd)
	return b.sample(u), err
}

// split returns a folder with the corpus as files, which it makes first where
// it is not there yet.
func (b *bench) split(ctx context.Context) (string, error) {
	dir := strings.TrimSuffix(b.files.Records, ".ndjson") + ".split"
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	temp := dir + ".new"
	if err := os.RemoveAll(temp); err != nil {
		return "", err
	}
	if _, err := b.self(ctx, "tree-loop", "-root", temp, "-records", b.files.Records, "-index", b.files.Index); err != nil {
		return "", err
	}
	if err := os.Remove(filepath.Join(temp, ".tmp")); err != nil {
		return "", err
	}
	return dir, os.Rename(temp, dir)
}
