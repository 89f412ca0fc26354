package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/cmd/internal/term"
	"logstow/export"
	"logstow/export/token"
	"logstow/scheduler"
)

// exitStatus is what the process ends with. The table is in the README.
type exitStatus int

const (
	exitOK          exitStatus = 0
	exitFailed      exitStatus = 1
	exitUsage       exitStatus = 2
	exitPartial     exitStatus = 3
	exitDamage      exitStatus = 4
	exitNotFound    exitStatus = 5
	exitUnavailable exitStatus = 6
	exitInterrupted exitStatus = 130
)

// meaning is what help says of a status.
func (s exitStatus) meaning() string {
	switch s {
	case exitOK:
		return "done, or nothing to do"
	case exitFailed:
		return "failed"
	case exitUsage:
		return "a mistake in the command line or the configuration; nothing was attempted"
	case exitPartial:
		return "finished, but not all went as usual: records were quarantined, refused or unverified, or something was left, held or retained"
	case exitDamage:
		return "the store does not hold what was recorded"
	case exitNotFound:
		return "not found"
	case exitUnavailable:
		return "the store can't be reached or throttles, or another runs the task or moves the same documents; safe to run again"
	case exitInterrupted:
		return "interrupted; safe to run again"
	default:
		panic(fmt.Sprintf("exit status %d has no meaning", s))
	}
}

// errPartial ends a command that finished and has already named on stderr what
// did not go as usual.
var errPartial = errors.New("not everything went as usual")

// errExportCancelled ends an export that was interrupted: nothing of it is left
// to go on with.
var errExportCancelled = errors.New("export cancelled")

// usageError is a mistake in the command line or the configuration, found
// before anything was attempted.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// usagef makes a usageError.
func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// statusOf is the exit status that an error stands for. ctx is the one that
// signals end.
func statusOf(ctx context.Context, err error) exitStatus {
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage), errors.Is(err, export.ErrAmbiguous), errors.Is(err, ledger.ErrOtherStore),
		errors.Is(err, token.ErrNoURL):
		return exitUsage
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return exitInterrupted
	case onlyPartial(err):
		return exitPartial
	case errors.Is(err, scheduler.ErrTimeout): // whatever the task made of it
		return exitFailed
	case errors.Is(err, export.ErrDamaged):
		return exitDamage
	case errors.Is(err, export.ErrNotFound), noToken(err):
		return exitNotFound
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, ledger.ErrBusy), errors.Is(err, ledger.ErrHeld), errors.Is(err, ledger.ErrMoved):
		return exitUnavailable
	default:
		return exitFailed
	}
}

// noToken tells whether an error says that there is no such token, or not any
// more.
func noToken(err error) bool {
	return errors.Is(err, token.ErrUnknown) || errors.Is(err, token.ErrExpired) || errors.Is(err, token.ErrRevoked)
}

// onlyPartial tells whether an error says nothing but errPartial.
func onlyPartial(err error) bool {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err == errPartial || err == error(finishedPartly{}) //nolint:errorlint // one that wraps it says more
	}
	for _, e := range joined.Unwrap() {
		if !onlyPartial(e) {
			return false
		}
	}
	return true
}

// printError writes what err says, one message a line, each after the
// program's name, and then what to do about it where that is known.
func printError(w io.Writer, status exitStatus, err error) {
	switch status {
	case exitOK, exitPartial:
		return
	case exitInterrupted:
		if errors.Is(err, errExportCancelled) {
			fmt.Fprintln(w, "logstow: interrupted; the export is cancelled")
			return
		}
		fmt.Fprintln(w, "logstow: interrupted; what was confirmed is recorded, run it again to go on")
		return
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if line == errPartial.Error() {
			continue
		}
		fmt.Fprintln(w, "logstow: "+term.Printable(line))
	}
	if advice := adviceFor(err); advice != "" {
		fmt.Fprintln(w, "logstow: "+advice)
	}
}

// adviceFor says what to do about an error.
func adviceFor(err error) string {
	var ambiguous *export.AmbiguousError
	switch {
	case errors.As(err, &ambiguous) && ambiguous.Users != nil:
		return "say whose with --user"
	case errors.As(err, &ambiguous) && ambiguous.Recipes != nil:
		return "say of which recipe with --recipe"
	case farMore(err):
		return "logstow retain --dry-run lists them; if that is what the policies are to do, run logstow retain --yes"
	case errors.Is(err, scheduler.ErrTimeout):
		return "what was confirmed until then is recorded; timeout in the schedule says how long it may take"
	case errors.Is(err, scheduler.ErrLost) && !errors.Is(err, ledger.ErrReplaced):
		return "this process was paused, or could not write the ledger, for as long as its lease lasts; it is safe to run this again"
	case errors.Is(err, ledger.ErrHeld), errors.Is(err, ledger.ErrBusy), errors.Is(err, ledger.ErrMoved):
		return "it is safe to run this again"
	case errors.Is(err, store.ErrUnavailable):
		return "the store could not be reached or throttles; it is safe to run this again"
	case errors.Is(err, store.ErrRefused):
		return "the store refused and would refuse again: logstow doctor tells what it lets you do"
	case errors.Is(err, export.ErrDamaged):
		return "the store does not hold what was recorded: was it changed or deleted from outside?"
	case errors.Is(err, token.ErrNoURL):
		return "say where clients reach logstow serve: --url, LOGSTOW_SERVE_URL or serve.url; logstow export --output needs no server"
	default:
		return ""
	}
}
