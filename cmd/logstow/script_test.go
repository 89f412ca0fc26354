package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"logstow/archive/store/storetest/gateway"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"logstow": main, "hasty": hasty, "settled": settled})
}

// TestScripts runs testdata/script. Beside logstow there is hasty, which is
// logstow with short leases. Beside testscript's own commands there are
//
//	status N command…              run a command that must end with this status
//	interrupt FILE GLOB command…   run a command, give it FILE on a standard input
//	                               that stays open, send SIGINT once a file matches
//	                               GLOB, and require status 130
//	hold NAME FILE GLOB command…   start a command, give it FILE on a standard input
//	                               that stays open, and go on once a file matches GLOB
//	unhold NAME HOW STATUS         end that command: wait for it, or end its standard
//	                               input (eof), send SIGTERM (term) or SIGKILL (kill);
//	                               it must end with this status, -1 where it is killed
//	after N M command…             run a command again for as long as it ends with
//	                               status N; then it must end with M
//	s3                             see to it that an S3 server runs, put its credentials
//	                               into the environment, and the URLs of two empty
//	                               stores into $S3 and $S3_OTHER
//	serve NAME command…            start a server, put its URL into $NAME and its
//	                               address into $NAME_ADDRESS
//	unserve NAME                   end that server with SIGTERM, and require status 0
//	await PATTERN command…     run a command again and again until its standard
//	                               output matches
//	fetch STATUS METHOD URL [KEYFILE [BODY]]
//	                               send a request with the API key in KEYFILE; its
//	                               answer must have this status
//	cmprecord FILE RECORD          compare FILE with RECORD, byte for byte but for
//	                               the white space around RECORD
func TestScripts(t *testing.T) {
	records, err := filepath.Abs("../../testdata/records")
	if err != nil {
		t.Fatal(err)
	}
	server := sync.OnceValues(func() (*gateway.Gateway, error) { return startServer(t) })
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Values[serversKey{}] = servers{}
			e.Values[heldKey{}] = heldCommands{}
			e.Setenv("GORACE", "atexit_sleep_ms=0") // a second at the end of each command otherwise
			e.Setenv("RECORDS", records)
			e.Setenv("STORE", "file://"+e.WorkDir+"/store")
			e.Setenv("LEDGER", e.WorkDir+"/ledger.db")
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_CONFIG_HOME", e.WorkDir+"/xdg-config")
			e.Setenv("XDG_STATE_HOME", e.WorkDir+"/xdg-state")
			e.Setenv("XDG_DATA_HOME", e.WorkDir+"/xdg-data")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":    scriptStatus,
			"interrupt": scriptInterrupt,
			"hold":      scriptHold,
			"unhold":    scriptUnhold,
			"after":     scriptAfter,
			"cmprecord": scriptCmpRecord,
			"serve":     scriptServe,
			"unserve":   scriptUnserve,
			"fetch":     scriptFetch,
			"await":     scriptAwait,
			"s3": func(ts *testscript.TestScript, _ bool, _ []string) {
				g, err := server()
				ts.Check(err)
				for _, pair := range g.Env() {
					name, value, _ := strings.Cut(pair, "=")
					ts.Setenv(name, value)
				}
				ts.Setenv("S3", g.URL(ts.Name()))
				ts.Setenv("S3_OTHER", g.URL(ts.Name()+"-other"))
			},
		},
	})
}

// startServer starts the one S3 server that all scripts of a test share.
func startServer(t *testing.T) (*gateway.Gateway, error) {
	g, err := gateway.StartIn(context.WithoutCancel(t.Context()), t.TempDir(), gateway.Options{})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Errorf("stop the S3 server: %v", err)
		}
	})
	return g, nil
}

func scriptStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := statusIn(ts.Exec(args[1], args[2:]...)); got != want {
		ts.Fatalf("%s ended with status %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// statusIn is the exit status that an error of os/exec tells; -1 where there
// is none.
func statusIn(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	default:
		return -1
	}
}

func scriptInterrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: interrupt FILE GLOB command…")
	}
	input, glob := ts.ReadFile(args[0]), ts.MkAbs(args[1])
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[2], args[3:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = scriptEnv(ts)
	cmd.Stdout, cmd.Stderr = ts.Stdout(), ts.Stderr()
	stdin, err := cmd.StdinPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	_, err = io.WriteString(stdin, input)
	ts.Check(err)
	for ctx.Err() == nil {
		if found, err := filepath.Glob(glob); err != nil || len(found) > 0 {
			ts.Check(err)
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Check(cmd.Process.Signal(os.Interrupt))
	if got := statusIn(cmd.Wait()); got != 130 {
		ts.Fatalf("%s ended with status %d after SIGINT, want 130", strings.Join(args[2:], " "), got)
	}
}

// scriptEnv is the environment that a script's commands get.
func scriptEnv(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "TMPDIR", "GORACE"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

func scriptCmpRecord(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cmprecord FILE RECORD")
	}
	got, want := ts.ReadFile(args[0]), strings.TrimSpace(ts.ReadFile(args[1]))
	if diff := cmp.Diff(want, got); diff != "" {
		ts.Fatalf("%s (-want +got):\n%s", args[0], diff)
	}
}
