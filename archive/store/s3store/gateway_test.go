package s3store_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"logstow/archive/store"
	"logstow/archive/store/s3store"
	"logstow/archive/store/storetest"
	"logstow/archive/store/storetest/gateway"
)

func config(g *gateway.Gateway) s3store.Config {
	return s3store.Config{Bucket: g.Bucket, Endpoint: g.Endpoint, Region: gateway.Region, PathStyle: true, MaxAttempts: 2}
}

func open(t *testing.T, c s3store.Config) *s3store.Store {
	t.Helper()
	s, err := s3store.Open(t.Context(), c)
	if err != nil {
		t.Fatalf("Open(%+v): %v", c, err)
	}
	return s
}

// buckets returns a function that opens a store of its own bucket each time.
func buckets(g *gateway.Gateway, opts gateway.Options) func(t *testing.T) store.Store {
	var n atomic.Int32
	return func(t *testing.T) store.Store {
		opts.Bucket = fmt.Sprintf("bucket-%d", n.Add(1))
		if err := g.CreateBucket(t.Context(), opts); err != nil {
			t.Fatalf("create bucket %s: %v", opts.Bucket, err)
		}
		c := config(g)
		c.Bucket = opts.Bucket
		return open(t, c)
	}
}

// prefixes returns a function that opens a store of its own prefix each time.
func prefixes(g *gateway.Gateway) func(t *testing.T) store.Store {
	var n atomic.Int32
	return func(t *testing.T) store.Store {
		c := config(g)
		c.Prefix = fmt.Sprintf("some/prefix %d", n.Add(1))
		return open(t, c)
	}
}

// versioned is what versitygw 1.8.0 does otherwise than S3 in a bucket with
// versions.
var versioned = storetest.Limits{DeletedIsTaken: true, FolderDeleteFails: true}

func TestStore(t *testing.T) {
	g := gateway.Start(t, gateway.Options{})
	g.Setenv(t)
	storetest.Run(t, buckets(g, gateway.Options{}))
}

func TestStoreWithPrefix(t *testing.T) {
	g := gateway.Start(t, gateway.Options{})
	g.Setenv(t)
	storetest.Run(t, prefixes(g))
}

func TestStoreWithVersions(t *testing.T) {
	g := gateway.Start(t, gateway.Options{})
	g.Setenv(t)
	storetest.RunWithin(t, versioned, buckets(g, gateway.Options{Versioning: true}))
}

func TestVersionsAreKept(t *testing.T) {
	g := gateway.Start(t, gateway.Options{Versioning: true})
	g.Setenv(t)
	storetest.RunVersions(t, prefixes(g))
}

func TestLocks(t *testing.T) {
	g := gateway.Start(t, gateway.Options{ObjectLock: true})
	g.Setenv(t)
	var n atomic.Int32
	storetest.RunLocks(t, func(t *testing.T) storetest.Locked {
		c := config(g)
		c.Prefix = fmt.Sprintf("some/prefix %d", n.Add(1))
		return storetest.Locked{Store: open(t, c), Lock: func(t *testing.T, key string, until time.Time) {
			locking := c
			locking.LockMode, locking.LockDays = "COMPLIANCE", int(time.Until(until).Round(24*time.Hour)/(24*time.Hour))
			if err := open(t, locking).Put(t.Context(), key, store.Bytes([]byte("locked")), store.PutOptions{}); err != nil {
				t.Fatalf("Put(%q): %v", key, err)
			}
		}}
	})
}

func TestStoreThroughTheSDKAlone(t *testing.T) {
	g := gateway.Start(t, gateway.Options{})
	g.Setenv(t)
	inner := config(g)
	inner.Client = "sdk"
	var n atomic.Int32
	storetest.Run(t, func(t *testing.T) store.Store {
		c := inner
		c.Prefix = fmt.Sprintf("prefix-%d", n.Add(1))
		return storetest.NewFaulty(open(t, c))
	})
}

func TestStoreThroughFaulty(t *testing.T) {
	g := gateway.Start(t, gateway.Options{Versioning: true})
	g.Setenv(t)
	inner := prefixes(g)
	storetest.RunWithin(t, versioned, func(t *testing.T) store.Store { return storetest.NewFaulty(inner(t)) })
}
