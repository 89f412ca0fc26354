package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// servers is what a script has started, by the names that it gave.
type servers map[string]*served

// serversKey is where a script's servers are.
type serversKey struct{}

// served is a logstow serve that runs.
type served struct {
	cmd    *exec.Cmd
	stderr *bufio.Reader
	said   strings.Builder
}

// How every server tells where it is, or that it opens no port: the last that
// it says before it works.
const (
	serving = "logstow: serving on "
	noPort  = "logstow: serving no port"
)

// scriptServe starts a server and waits until it serves. Its URL is put into a
// variable of its name, its address into NAME_ADDRESS.
func scriptServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: serve NAME command…")
	}
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = scriptEnv(ts)
	stderr, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill() //nolint:errcheck // it has ended since
			cmd.Wait()         //nolint:errcheck // killed
		}
	})
	s := &served{cmd: cmd, stderr: bufio.NewReader(stderr)}
	ts.Value(serversKey{}).(servers)[args[0]] = s
	for {
		line, err := s.stderr.ReadString('\n')
		s.said.WriteString(line)
		if where, ok := strings.CutPrefix(line, serving); ok {
			where = strings.TrimSpace(where)
			ts.Setenv(args[0], where)
			ts.Setenv(args[0]+"_ADDRESS", strings.TrimPrefix(where, "http://"))
			return
		}
		if strings.HasPrefix(line, noPort) {
			return
		}
		if err != nil {
			ts.Fatalf("%s does not serve: %v\n%s", strings.Join(args[1:], " "), err, s.said.String())
		}
	}
}

// scriptUnserve sends SIGTERM to a server, and requires status 0. What it has said
// is standard error then.
func scriptUnserve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: unserve NAME")
	}
	s, ok := ts.Value(serversKey{}).(servers)[args[0]]
	if !ok {
		ts.Fatalf("no server was started as %s", args[0])
	}
	ts.Check(s.cmd.Process.Signal(syscall.SIGTERM))
	rest, err := io.ReadAll(s.stderr)
	ts.Check(err)
	fmt.Fprint(ts.Stderr(), s.said.String(), string(rest))
	if got := statusIn(s.cmd.Wait()); got != 0 {
		ts.Fatalf("the server %s ended with status %d after SIGTERM\n%s", args[0], got, rest)
	}
}

// scriptAwait runs a command again and again until its standard output matches.
func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await PATTERN command…")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(50 * time.Millisecond) {
		cmd := exec.Command(args[1], args[2:]...)
		cmd.Dir, cmd.Env = ts.MkAbs("."), scriptEnv(ts)
		text, err := cmd.Output()
		if err == nil && want.Match(text) {
			fmt.Fprint(ts.Stdout(), string(text))
			return
		}
	}
	ts.Fatalf("%s has not come to print %s", strings.Join(args[1:], " "), args[0])
}

// scriptFetch sends a request, with the API key that the file key.txt holds, if
// any. The answer's body is standard output then, its header standard error.
func scriptFetch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args) > 5 {
		ts.Fatalf("usage: fetch STATUS METHOD URL [KEYFILE [BODY]]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	body := ""
	if len(args) == 5 {
		body = args[4]
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, args[1], args[2], strings.NewReader(body))
	ts.Check(err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if len(args) > 3 {
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(ts.ReadFile(args[3])))
	}
	answer, err := new(http.Transport).RoundTrip(r)
	ts.Check(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	ts.Check(err)
	fmt.Fprint(ts.Stdout(), string(text))
	ts.Check(answer.Header.Write(ts.Stderr()))
	if answer.StatusCode != want {
		ts.Fatalf("%s %s: status %d, want %d: %s", args[1], args[2], answer.StatusCode, want, text)
	}
}
