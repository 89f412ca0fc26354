package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"logstow/cmd/bench/nulls3"
)

// nullReport is what the null server prints when it ends.
type nullReport struct {
	nulls3.Stats
	Objects int `json:"objects"` // different names
}

// serveNull is the part of bench that is the null server. It prints its
// address, serves until standard input ends, and prints a nullReport.
func serveNull(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("null-s3", flag.ContinueOnError)
	null := &nulls3.Server{}
	flags.DurationVar(&null.Latency, "latency", 0, "before each answer")
	address := flags.String("address", "127.0.0.1:0", "where to listen")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", *address)
	if err != nil {
		return err
	}
	fmt.Println("http://" + l.Addr().String())
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- null.Serve(ctx, l) }()
	_, err = io.Copy(io.Discard, os.Stdin)
	stop()
	if err := errors.Join(err, <-served); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(nullReport{null.Stats(), null.Count()})
}

// nullServer is a null server in a process of its own.
type nullServer struct {
	url  string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	said bytes.Buffer
}

// startNull starts a server at an address, or at one that is free where it is
// empty.
func startNull(ctx context.Context, latency time.Duration, address string) (*nullServer, error) {
	n := &nullServer{}
	args := []string{"null-s3", "-latency", latency.String()}
	if address != "" {
		args = append(args, "-address", address)
	}
	var err error
	if n.cmd, err = self(ctx, args...); err != nil {
		return nil, err
	}
	n.cmd.Stderr = &n.said
	if n.in, err = n.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	n.out = bufio.NewReader(out)
	line, err := n.out.ReadString('\n')
	n.url = strings.TrimSpace(line)
	if err != nil {
		_, _, stopErr := n.stop()
		return nil, errors.Join(fmt.Errorf("start the null server: %w", err), stopErr)
	}
	return n, nil
}

// store is the URL of a store there.
func (n *nullServer) store() string {
	return "s3://bench/a?path_style=true&region=us-east-1&endpoint=" + n.url
}

// address is where the server listens.
func (n *nullServer) address() string { return strings.TrimPrefix(n.url, "http://") }

func (n *nullServer) server() server {
	return server{endpoint: n.url, store: n.store(), env: anyCredentials()}
}

// stop ends the server and returns what it counted and used.
func (n *nullServer) stop() (nullReport, usage, error) {
	var r nullReport
	err := n.in.Close()
	if decodeErr := json.NewDecoder(n.out).Decode(&r); decodeErr != nil {
		err = errors.Join(err, fmt.Errorf("the null server's report: %w: %s", decodeErr, n.said.Bytes()))
	}
	err = errors.Join(err, n.cmd.Wait())
	var u usage
	u.cpu, u.rss = used(n.cmd.ProcessState)
	return r, u, err
}
