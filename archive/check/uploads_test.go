package check_test

import (
	"testing"

	"logstow/archive"
	"logstow/archive/check"
	"logstow/archive/store/s3store"
	"logstow/archive/store/storetest/gateway"
)

func TestFindsUnfinishedUploads(t *testing.T) {
	g := gateway.Start(t, gateway.Options{})
	g.Setenv(t)
	c, err := s3store.ParseURL(g.URL("check"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := s3store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, s)
	w.archive(archive.Config{}, w.file(job("a", "")))
	for _, key := range []string{"check/segments/v1/x", "elsewhere"} {
		w.ok(g.BeginUpload(t.Context(), g.Bucket, key))
	}
	w.want(check.Config{}) // somebody may be at it
	w.want(check.Config{Settle: -1}, found{check.Leftover, false, "segments/v1/x", "not finished: have it aborted"})
}
