package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// usage is what a process used.
type usage struct {
	wall time.Duration
	cpu  time.Duration // user and system
	rss  int64         // bytes at its peak
}

// measure runs a command to its end and returns what it used and what it
// printed on standard output.
//
// A process's peak memory can't read below that of bench itself, which it is
// started from; so bench keeps its own small.
func measure(cmd *exec.Cmd) (usage, []byte, error) {
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	began := time.Now()
	err := cmd.Run()
	u := usage{wall: time.Since(began)}
	if err != nil {
		return u, nil, fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, last(said.Bytes(), 2000))
	}
	u.cpu, u.rss = used(cmd.ProcessState)
	return u, out.Bytes(), nil
}

// used returns what a process that has ended used.
func used(p *os.ProcessState) (cpu time.Duration, rss int64) {
	cpu = p.UserTime() + p.SystemTime()
	if r, ok := p.SysUsage().(*syscall.Rusage); ok {
		rss = int64(r.Maxrss)         //nolint:unconvert // 32 bits wide on some systems
		if runtime.GOOS != "darwin" { // which counts bytes
			rss *= 1024
		}
	}
	return cpu, rss
}

// ownCPU is what this process has used so far, user and system.
func ownCPU() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// last returns the end of b.
func last(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

// self is the command that runs one of bench's own parts.
func self(ctx context.Context, args ...string) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, program, args...), nil
}

// anyCredentials is the environment of S3 clients: some credentials, and nothing
// of this machine's configuration.
func anyCredentials() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=benchbench", "AWS_SESSION_TOKEN=", "AWS_REGION=us-east-1",
		"AWS_PROFILE=", "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
	}
}
