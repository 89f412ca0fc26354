package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store"
)

// expireAll is the part of bench that has all documents of a ledger expire: one run
// marks them, another removes them.
func expireAll(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("expire", flag.ContinueOnError)
	path := flags.String("ledger", "", "of the documents")
	count := flags.Int64("count", 1, "of the documents")
	if err := flags.Parse(args); err != nil {
		return err
	}
	l, err := ledger.Open(ctx, ledger.Config{Path: *path})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	period, err := retain.ParsePeriod("1d")
	if err != nil {
		return err
	}
	s, now := &forgetful{}, time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	c := retain.ExpireConfig{
		Config:   retain.Config{Store: s, Ledger: l},
		Policies: retain.Policies{{Name: "all", ExpireAfter: period}},
		Yes:      true, Now: func() time.Time { return now },
	}
	return measured(int(*count), func() (int64, error) {
		marked, err := retain.Expire(ctx, c)
		if err != nil || marked.Marked != *count {
			return 0, fmt.Errorf("%d of %d documents were marked: %w", marked.Marked, *count, err)
		}
		now = now.Add(retain.DefaultGrace)
		removed, err := retain.Expire(ctx, c)
		if err != nil || removed.Removed != *count || s.deleted.Load() < *count {
			return 0, fmt.Errorf("%d of %d documents were removed, %d objects deleted: %w", removed.Removed, *count, s.deleted.Load(), err)
		}
		return removed.RemovedBytes, nil
	})
}

// forgetful is a store of nothing, where anything can be removed.
type forgetful struct{ deleted atomic.Int64 }

var _ store.Store = (*forgetful)(nil)

// Put implements store.Store.
func (*forgetful) Put(context.Context, string, store.Body, store.PutOptions) error { return nil }

// Get implements store.Store.
func (*forgetful) Get(context.Context, string, store.Range) (io.ReadCloser, store.Info, error) {
	return nil, store.Info{}, fs.ErrNotExist
}

// Stat implements store.Store.
func (*forgetful) Stat(context.Context, string) (store.Info, error) {
	return store.Info{}, fs.ErrNotExist
}

// List implements store.Store.
func (*forgetful) List(context.Context, store.ListOptions) iter.Seq2[store.Info, error] {
	return func(func(store.Info, error) bool) {}
}

// Delete implements store.Store.
func (f *forgetful) Delete(_ context.Context, keys ...string) error {
	f.deleted.Add(int64(len(keys)))
	return nil
}

// expire measures the expiry of many documents, on one processor.
func expire(ctx context.Context, b *bench) (sample, error) {
	var made string
	if err := output(ctx, &made, "jobs", "-dir", b.cache, "-listed", strconv.Itoa(b.expired)); err != nil {
		return sample{}, err
	}
	copied := filepath.Join(b.scratch, "expire.db")
	if err := copyFile(made, copied); err != nil {
		return sample{}, err
	}
	settle()
	return b.part(ctx, "expire", "-ledger", copied, "-count", strconv.Itoa(b.expired))
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
