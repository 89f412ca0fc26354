package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// serviceManager listens as systemd does, and has this process know of it.
func serviceManager(t *testing.T, address string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", address)
	return c
}

// told is the next message.
func told(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 4096)
	n, err := c.Read(text)
	if err != nil {
		t.Fatalf("no message: %v", err)
	}
	return string(text[:n])
}

// abstract is a name that no other test has.
func abstract(t *testing.T) string {
	return "@logstow-" + t.Name() + "-" + strconv.Itoa(os.Getpid())
}

func TestNotify(t *testing.T) {
	for _, address := range []string{filepath.Join(t.TempDir(), "notify"), abstract(t)} {
		manager := serviceManager(t, address)
		n := &notifier{log: slog.New(slog.DiscardHandler)}
		ctx := t.Context()
		n.ready(ctx)
		n.tell(ctx, "job x\nMAINPID=1\rREADY=1")
		n.tell(ctx, "two")
		n.tell(ctx, "two")
		n.stopping(ctx, 58*time.Second)
		for _, want := range []string{
			"READY=1", "STATUS=job x\uFFFDMAINPID=1\uFFFDREADY=1", "STATUS=two", "STOPPING=1\nEXTEND_TIMEOUT_USEC=58000000",
		} {
			if got := told(t, manager); got != want {
				t.Errorf("%s: told %q, want %q", address, got, want)
			}
		}
	}
}

// Where there is no service manager nothing is said; where there was one, that
// it is gone is logged once.
func TestNotifyNobody(t *testing.T) {
	var log bytes.Buffer
	n := &notifier{log: slog.New(slog.NewTextHandler(&log, nil))}
	t.Setenv("NOTIFY_SOCKET", "")
	n.ready(t.Context())
	if log.Len() > 0 {
		t.Errorf("without a service manager: %s", &log)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	n.ready(t.Context())
	n.tell(t.Context(), "on")
	if got := strings.Count(log.String(), "service manager not told"); got != 1 {
		t.Errorf("logged %d times, want once: %s", got, &log)
	}
}

// The watchdog is told of for as long as what is asked answers, be it with an
// error, and not while it hangs.
func TestWatchdog(t *testing.T) {
	manager := serviceManager(t, abstract(t))
	const granted = 20 * time.Millisecond
	t.Setenv("WATCHDOG_USEC", strconv.FormatInt(granted.Microseconds(), 10))
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	n := &notifier{log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	asked, answer, ended := make(chan bool), make(chan error), make(chan bool)
	go func() {
		defer close(ended)
		n.watchdog(ctx, func(context.Context) error {
			asked <- true
			return <-answer
		})
	}()
	<-asked
	for _, err := range []error{nil, errors.New("database is locked")} {
		answer <- err
		<-asked // again, so that the answer was told
		if got := told(t, manager); got != "WATCHDOG=1" {
			t.Errorf("told %q after the answer %v", got, err)
		}
	}
	time.Sleep(5 * granted) // a ping that comes without an answer would come now
	n.tell(ctx, "hanging")
	if got := told(t, manager); got != "STATUS=hanging" {
		t.Errorf("told %q without an answer", got)
	}
	cancel()
	answer <- nil
	<-ended
	n.tell(t.Context(), "ended")
	if got := told(t, manager); got != "STATUS=ended" {
		t.Errorf("told %q after the end", got)
	}
}

// A watchdog that watches nobody, or somebody else, or can't be read, isn't
// told of anything.
func TestWatchdogOff(t *testing.T) {
	for _, env := range [][2]string{{"", ""}, {"1000", "1"}, {"soon", ""}, {"-5", ""}} {
		t.Setenv("WATCHDOG_USEC", env[0])
		t.Setenv("WATCHDOG_PID", env[1])
		n := &notifier{log: slog.New(slog.DiscardHandler)}
		n.watchdog(t.Context(), func(context.Context) error {
			t.Errorf("WATCHDOG_USEC=%s WATCHDOG_PID=%s: it asks", env[0], env[1])
			return nil
		})
	}
}
