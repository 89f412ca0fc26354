package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"

	"logstow/cmd/internal/term"
)

// notifier tells the service manager that started this process how it is, by
// the protocol of sd_notify. Where there is none its methods do nothing. It is
// safe for concurrent use.
type notifier struct {
	log *slog.Logger

	mu     sync.Mutex // guards what follows, and the order of what is sent
	status string     // what was told last
	failed string     // why the last message could not be sent
}

// ready says that what was started does its work.
func (n *notifier) ready(ctx context.Context) { n.send(ctx, systemd.SdNotifyReady) }

// tell says in one line what the process is doing.
func (n *notifier) tell(ctx context.Context, status string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if status == n.status {
		return
	}
	n.status = status
	n.sendLocked(ctx, "STATUS="+term.Printable(status)) // a message's lines are its assignments
}

// stopping says that the process is about to end, and by when it will have.
func (n *notifier) stopping(ctx context.Context, within time.Duration) {
	n.send(ctx, fmt.Sprintf("%s\nEXTEND_TIMEOUT_USEC=%d", systemd.SdNotifyStopping, within.Microseconds()))
}

// watchdog says twice in the time that the service manager grants that the
// process works, until ctx ends. Each time it asks first: what never returns
// holds it back, while an error is an answer.
func (n *notifier) watchdog(ctx context.Context, ask func(context.Context) error) {
	granted, err := systemd.SdWatchdogEnabled(false)
	if err != nil {
		n.log.WarnContext(ctx, "service manager's watchdog not understood", "err", err)
	}
	if err != nil || granted == 0 {
		return
	}
	tick := time.NewTicker(max(granted/2, time.Millisecond))
	defer tick.Stop()
	for {
		if err := ask(ctx); err != nil {
			n.log.DebugContext(ctx, "ledger answered with an error", "err", err)
		}
		if ctx.Err() != nil {
			return
		}
		n.send(ctx, systemd.SdNotifyWatchdog)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (n *notifier) send(ctx context.Context, state string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sendLocked(ctx, state)
}

// sendLocked sends one message. An error is logged once, until it changes.
func (n *notifier) sendLocked(ctx context.Context, state string) {
	failed := ""
	if _, err := systemd.SdNotify(false, state); err != nil {
		failed = err.Error()
		if failed != n.failed {
			n.log.WarnContext(ctx, "service manager not told", "err", err)
		}
	}
	n.failed = failed
}
