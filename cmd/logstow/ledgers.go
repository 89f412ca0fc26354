package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strings"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/cmd/internal/config"
	"logstow/layout"
)

// openLedgerForReading opens the ledger that the configuration names, which
// must be the store's where one is named. Nothing is created.
func openLedgerForReading(ctx context.Context, c *config.Config) (*ledger.Ledger, error) {
	if c.Ledger == "" {
		return nil, usagef("no ledger: name it with --ledger, or the store it belongs to with --store")
	}
	l, err := ledger.Open(ctx, ledger.Config{Path: c.Ledger, ReadOnly: true})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usagef("%s: no ledger there yet: it comes with logstow archive, or with logstow adopt for a store that something else filled", c.Ledger)
	}
	if err != nil || c.Store == "" {
		return l, err
	}
	if _, err := l.Bind(ctx, storeName(c.Store)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// openForReading opens the store and its ledger for a command that only reads.
func openForReading(ctx context.Context, c *config.Config) (store.Store, *ledger.Ledger, error) {
	s, err := openStore(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	l, err := openLedgerForReading(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	return s, l, nil
}

// openForWriting opens the store and its ledger for a command that changes
// what is already known. For a dry run nothing of it can be written to.
func openForWriting(ctx context.Context, c *config.Config, dryRun bool) (store.Store, *ledger.Ledger, error) {
	s, l, err := openForReading(ctx, c)
	if err != nil || dryRun {
		return s, l, err
	}
	if err := l.Close(); err != nil {
		return nil, nil, err
	}
	l, err = ledger.Open(ctx, ledger.Config{Path: c.Ledger})
	if err != nil {
		return nil, nil, err
	}
	return s, l, nil
}

// openLedgerForWriting opens the ledger for a command that changes what it
// knows and needs no store. It must be there.
func openLedgerForWriting(ctx context.Context, c *config.Config) (*ledger.Ledger, error) {
	l, err := openLedgerForReading(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := l.Close(); err != nil {
		return nil, err
	}
	return ledger.Open(ctx, ledger.Config{Path: c.Ledger})
}

// openForArchiving opens the ledger for a run that archives into s, creating
// it where it isn't there. A ledger that isn't tied to the store yet, beside a
// store that isn't empty, is refused: it would not know what was erased. It is
// tied once the store was seen to be empty and before anything is written
// there, so that a run which dies right after can simply be repeated. For a dry
// run it is opened as openForDryRun does. resident is ledger.Config's.
func openForArchiving(ctx context.Context, c *config.Config, s store.Store, resident func(int64), dryRun bool) (*ledger.Ledger, error) {
	if c.Ledger == "" {
		return nil, usagef("no ledger: name it with --ledger")
	}
	fresh, err := isFresh(ctx, c)
	if err != nil {
		return nil, err
	}
	if fresh {
		if err := refuseFilled(ctx, c, s); err != nil {
			return nil, err
		}
	}
	if dryRun {
		return openForDryRun(ctx, c, resident)
	}
	l, err := ledger.Open(ctx, ledger.Config{Path: c.Ledger, Resident: resident})
	if err != nil {
		return nil, err
	}
	if _, err := l.Bind(ctx, storeName(c.Store)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// isFresh tells whether there is no ledger yet or it isn't tied to a store.
func isFresh(ctx context.Context, c *config.Config) (fresh bool, err error) {
	l, err := ledger.Open(ctx, ledger.Config{Path: c.Ledger, ReadOnly: true})
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	fresh, err = l.Bind(ctx, storeName(c.Store))
	return fresh, errors.Join(err, l.Close())
}

// emptyTime is how long a store may take to show whether it is empty.
const emptyTime = time.Minute

// refuseFilled refuses a store that holds something, and one that doesn't answer.
// Where it may not be listed, nobody can tell.
func refuseFilled(ctx context.Context, c *config.Config, s store.Store) error {
	limited, cancel := context.WithTimeout(ctx, emptyTime)
	defer cancel()
	for info, err := range s.List(limited, store.ListOptions{}) {
		switch {
		case errors.Is(err, fs.ErrPermission):
			return nil
		case err != nil && ctx.Err() == nil && limited.Err() != nil:
			return fmt.Errorf("look whether the store is empty: %w: no answer within %s: %w", store.ErrUnavailable, emptyTime, err)
		case err != nil:
			return fmt.Errorf("look whether the store is empty: %w", err)
		case strings.HasPrefix(info.Key, layout.Probe): // left by doctor, or by a run that died early
		default:
			return usagef("%s holds %s already, and the ledger %s knows nothing of it: run logstow adopt first, or name the ledger that does with --ledger",
				c.Store, info.Key, c.Ledger)
		}
	}
	return nil
}

// openForDryRun opens the ledger for reading. Where there is none it returns
// nil, which closeLedger takes too. resident is ledger.Config's.
func openForDryRun(ctx context.Context, c *config.Config, resident func(int64)) (*ledger.Ledger, error) {
	l, err := ledger.Open(ctx, ledger.Config{Path: c.Ledger, ReadOnly: true, Resident: resident})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // a dry run can do without
	}
	return l, err
}

// closeLedger closes a ledger, if it is one.
func closeLedger(l *ledger.Ledger) error {
	if l == nil {
		return nil
	}
	return l.Close()
}

// storeName is what a ledger calls the store it is tied to: its URL without
// what only says how to reach it.
func storeName(storeURL string) string {
	u, err := url.Parse(storeURL)
	if err != nil {
		return storeURL
	}
	name := u.Scheme + "://" + u.Host + strings.TrimRight(path.Clean("/"+u.Path), "/")
	if endpoint := u.Query().Get("endpoint"); endpoint != "" {
		name += "?endpoint=" + url.QueryEscape(strings.TrimRight(endpoint, "/"))
	}
	return name
}
