package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/export"
	"logstow/export/token"
	"logstow/scheduler"
)

func TestStatusOf(t *testing.T) {
	running := t.Context()
	interrupted, cancel := context.WithCancel(running)
	cancel()
	other := errors.New("other")
	tests := []struct {
		name string
		ctx  context.Context
		err  error
		want exitStatus
	}{
		{"nothing", running, nil, exitOK},
		{"nothing after a signal", interrupted, nil, exitOK},
		{"anything else", running, other, exitFailed},
		{"usage", running, usagef("no"), exitUsage},
		{"usage, wrapped", running, fmt.Errorf("a: %w", usagef("no")), exitUsage},
		{"other store's ledger", running, fmt.Errorf("a: %w", ledger.ErrOtherStore), exitUsage},
		{"ambiguous", running, &export.AmbiguousError{ID: "1", Users: []string{"a", "b"}}, exitUsage},
		{"partial", running, errors.Join(errPartial, nil), exitPartial},
		{"partial and a failure", running, errors.Join(errPartial, other), exitFailed},
		{"partial and unavailable", running, errors.Join(errors.Join(errPartial, nil), store.ErrUnavailable), exitUnavailable},
		{"damaged", running, fmt.Errorf("k: %w", export.ErrDamaged), exitDamage},
		{"not found", running, fmt.Errorf("k: %w", export.ErrNotFound), exitNotFound},
		{"unknown token", running, token.ErrUnknown, exitNotFound},
		{"expired token", running, fmt.Errorf("%w at noon", token.ErrExpired), exitNotFound},
		{"revoked token", running, token.ErrRevoked, exitNotFound},
		{"token of a failed export", running, fmt.Errorf("%w: no", token.ErrFailed), exitFailed},
		{"no server", running, fmt.Errorf("e: %w", token.ErrNoURL), exitUsage},
		{"unavailable", running, fmt.Errorf("put: %w", store.ErrUnavailable), exitUnavailable},
		{"ledger in use", running, fmt.Errorf("l: %w", ledger.ErrBusy), exitUnavailable},
		{"moved by another", running, fmt.Errorf("take out: %w", ledger.ErrMoved), exitUnavailable},
		{"held by another", running, fmt.Errorf("run: %w", &scheduler.HeldError{Task: "t"}), exitUnavailable},
		{"partial task", running, errors.Join(finishedPartly{}, nil), exitPartial},
		{"partial task, not recorded", running, errors.Join(finishedPartly{}, other), exitFailed},
		{"timed out", running, fmt.Errorf("%w: %w", scheduler.ErrTimeout, store.ErrUnavailable), exitFailed},
		{"refused", running, fmt.Errorf("put: %w", store.ErrRefused), exitFailed},
		{"interrupted", interrupted, fmt.Errorf("put: %w", context.Canceled), exitInterrupted},
		{"canceled by nobody", running, context.Canceled, exitFailed},
		{"failed after a signal", interrupted, other, exitFailed},
	}
	for _, tt := range tests {
		if got := statusOf(tt.ctx, tt.err); got != tt.want {
			t.Errorf("%s: statusOf(%v) = %d, want %d", tt.name, tt.err, got, tt.want)
		}
	}
}

func TestEveryStatusHasAMeaning(t *testing.T) {
	for _, s := range []exitStatus{
		exitOK, exitFailed, exitUsage, exitPartial, exitDamage, exitNotFound, exitUnavailable, exitInterrupted,
	} {
		if s.meaning() == "" {
			t.Errorf("status %d has no meaning", s)
		}
	}
}

func TestPrintError(t *testing.T) {
	refused := errors.Join(store.ErrRefused, fs.ErrPermission)
	tests := []struct {
		status exitStatus
		err    error
		want   []string // how each line begins
	}{
		{exitOK, nil, nil},
		{exitPartial, errPartial, nil},
		{exitInterrupted, context.Canceled, []string{"logstow: interrupted; "}},
		{exitFailed, errors.New("one\ntwo"), []string{"logstow: one", "logstow: two"}},
		{exitFailed, errors.Join(errPartial, errors.New("one")), []string{"logstow: one"}},
		{exitFailed, errors.New("a\x1b[2Jb"), []string{"logstow: a\uFFFD[2Jb"}},
		{exitFailed, refused, []string{"logstow: refused by the store", "logstow: permission denied", "logstow: the store refused"}},
		{exitUnavailable, fmt.Errorf("a: %w", ledger.ErrBusy), []string{"logstow: a: ", "logstow: it is safe to run this again"}},
		{exitFailed, fmt.Errorf("a: %w", scheduler.ErrLost), []string{"logstow: a: ", "logstow: this process was paused, or could not write the ledger"}},
		{exitFailed, fmt.Errorf("%w: %w", scheduler.ErrLost, ledger.ErrReplaced), []string{"logstow: the lease was lost: its file was removed"}},
		{exitUsage, &export.AmbiguousError{ID: "7", Recipes: []string{"a", "b"}}, []string{"logstow: several recipes have 7: a, b", "logstow: say of which recipe"}},
	}
	for _, tt := range tests {
		var b strings.Builder
		printError(&b, tt.status, tt.err)
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if b.Len() == 0 {
			lines = nil
		}
		if len(lines) != len(tt.want) {
			t.Errorf("printError(%v) = %q, want %d lines", tt.err, lines, len(tt.want))
			continue
		}
		for i, want := range tt.want {
			if !strings.HasPrefix(lines[i], want) {
				t.Errorf("printError(%v): line %d is %q, want %q…", tt.err, i+1, lines[i], want)
			}
		}
	}
}
