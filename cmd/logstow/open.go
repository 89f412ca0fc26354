package main

import (
	"cmp"
	"context"
	"net/url"
	"path/filepath"
	"strings"

	"logstow/archive"
	"logstow/archive/store"
	"logstow/archive/store/dirstore"
	"logstow/archive/store/s3store"
	"logstow/cmd/internal/config"
)

// openStore opens the store that the configuration names.
func openStore(ctx context.Context, c *config.Config) (store.Store, error) {
	if c.Store == "" {
		return nil, usagef("no store: name one with --store, LOGSTOW_STORE or store in the configuration")
	}
	u, err := url.Parse(c.Store)
	if err != nil {
		return nil, usagef("store %q: %w", c.Store, err)
	}
	switch u.Scheme {
	case "file":
		if u.RawQuery != "" {
			return nil, usagef("store %q: a folder's URL has no parameters", c.Store)
		}
		return dirstore.Open(filepath.FromSlash(u.Path))
	case "s3":
		s3, err := s3store.ParseURL(c.Store)
		if err != nil {
			return nil, usageError{err}
		}
		s3.Client = cmp.Or(c.S3.Client, s3.Client)
		s3.Concurrency = max(concurrency(c), mostConcurrency(c))
		return s3store.Open(ctx, s3)
	default:
		return nil, usagef("store %q: unknown scheme %q: use s3:// or file://", c.Store, u.Scheme)
	}
}

// mostConcurrency is how many documents are written at once at most.
func mostConcurrency(c *config.Config) int {
	return cmp.Or(c.Archive.Concurrency, c.Archive.ConcurrencyMax, archive.MostConcurrency)
}

// archiveConcurrency is how many documents archive writes at once; 0: it finds
// out. Into a folder it is as many as may be, which share their fsyncs: there is
// no server that they could be too much for.
func archiveConcurrency(c *config.Config) int {
	if strings.HasPrefix(c.Store, "file://") {
		return mostConcurrency(c)
	}
	return c.Archive.Concurrency
}

// s3Concurrency is how many requests a bucket gets at once where nobody says
// otherwise: answers take long, and are independent of each other.
const s3Concurrency = 64

// concurrency is how many requests the store is to get at once from a command
// that does not find it out by itself; 0: as many as its package thinks.
func concurrency(c *config.Config) int {
	if c.Archive.Concurrency == 0 && strings.HasPrefix(c.Store, "s3://") {
		return s3Concurrency
	}
	return c.Archive.Concurrency
}
