package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// hasty is logstow with leases so short that a test can wait for them, and with
// as little time to finish when serve is to stop.
func hasty() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, lease: 3 * time.Second, drain: time.Second}
	os.Exit(int(a.run(ctx, os.Args[1:]))) //nolint:gocritic // nothing is left to be told
}

// heldCommands is the commands that a script has running, by the names that it
// gave, and heldKey where they are.
type (
	heldCommands map[string]*heldCommand
	heldKey      struct{}
)

// heldCommand is a command that runs beside a script, with a standard input that
// stays open.
type heldCommand struct {
	cmd            *exec.Cmd
	stdin          io.Closer
	stdout, stderr bytes.Buffer
	ended          chan struct{} // closed when it has ended
}

// scriptHold starts a command and waits until a file matches a glob.
func scriptHold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: hold NAME FILE GLOB command…")
	}
	input, glob := ts.ReadFile(args[1]), ts.MkAbs(args[2])
	h := &heldCommand{cmd: exec.Command(args[3], args[4:]...), ended: make(chan struct{})}
	h.cmd.Dir, h.cmd.Env = ts.MkAbs("."), scriptEnv(ts)
	h.cmd.Stdout, h.cmd.Stderr = &h.stdout, &h.stderr
	stdin, err := h.cmd.StdinPipe()
	ts.Check(err)
	h.stdin = stdin
	ts.Check(h.cmd.Start())
	go func() {
		defer close(h.ended)
		h.cmd.Wait() //nolint:errcheck // ProcessState tells
	}()
	ts.Defer(func() {
		h.cmd.Process.Kill() //nolint:errcheck // it may have ended
		<-h.ended
	})
	ts.Value(heldKey{}).(heldCommands)[args[0]] = h
	_, err = io.WriteString(stdin, input)
	ts.Check(err)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if found, err := filepath.Glob(glob); err != nil || len(found) > 0 {
			ts.Check(err)
			return
		}
		select {
		case <-h.ended:
			ts.Fatalf("%s has ended: %s\n%s", strings.Join(args[3:], " "), h.cmd.ProcessState, h.stderr.String())
		default:
		}
		if time.Now().After(deadline) {
			ts.Fatalf("nothing matches %s", args[2])
		}
	}
}

// scriptUnhold ends a command that hold has started, and requires its exit
// status: -1 where a signal killed it.
func scriptUnhold(ts *testscript.TestScript, neg bool, args []string) {
	ways := []string{"wait", "eof", "term", "kill"}
	if neg || len(args) != 3 || !slices.Contains(ways, args[1]) {
		ts.Fatalf("usage: unhold NAME wait|eof|term|kill STATUS")
	}
	h, ok := ts.Value(heldKey{}).(heldCommands)[args[0]]
	if !ok {
		ts.Fatalf("no command is held as %s", args[0])
	}
	want, err := strconv.Atoi(args[2])
	ts.Check(err)
	switch args[1] {
	case "eof":
		ts.Check(h.stdin.Close())
	case "term":
		ts.Check(h.cmd.Process.Signal(syscall.SIGTERM))
	case "kill":
		ts.Check(h.cmd.Process.Kill())
	}
	<-h.ended
	_, err = io.Copy(ts.Stdout(), &h.stdout)
	ts.Check(err)
	said := h.stderr.String()
	_, err = io.Copy(ts.Stderr(), &h.stderr)
	ts.Check(err)
	if got := h.cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("%s ended with status %d, want %d\n%s", args[0], got, want, said)
	}
}

// scriptAfter runs a command again for as long as it ends with one status, and
// requires another one then.
func scriptAfter(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: after STATUS STATUS command…")
	}
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		got := strconv.Itoa(statusIn(ts.Exec(args[2], args[3:]...)))
		switch got {
		case args[1]:
			return
		case args[0]:
			time.Sleep(200 * time.Millisecond)
		default:
			ts.Fatalf("%s ended with status %s, want %s", strings.Join(args[2:], " "), got, args[1])
		}
	}
	ts.Fatalf("%s still ends with status %s", strings.Join(args[2:], " "), args[0])
}
