package s3store_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/store"
	"logstow/archive/store/s3store"
	"logstow/archive/store/storetest/gateway"
)

// newCredentialServer answers as the agent of a container service does.
func newCredentialServer(t *testing.T, expires func() time.Time) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"AccessKeyId":"key","SecretAccessKey":"secret","Token":"session","Expiration":%q}`,
			expires().UTC().Format(time.RFC3339))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func versions(t *testing.T, s *s3store.Store, prefix string) []store.Version {
	t.Helper()
	var vs []store.Version
	for v, err := range s.Versions(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("Versions(%q): %v", prefix, err)
		}
		vs = append(vs, v)
	}
	return vs
}

// shape is what of versions can be foretold.
func shape(vs []store.Version) []string {
	var lines []string
	for _, v := range vs {
		lines = append(lines, fmt.Sprintf("%s %d latest=%v deleted=%v", v.Key, v.Size, v.Latest, v.Deleted))
	}
	return lines
}

func TestVersions(t *testing.T) {
	g := gateway.Start(t, gateway.Options{Versioning: true})
	g.Setenv(t)
	c := config(g)
	c.Prefix = "some/prefix"
	s := open(t, c)
	for _, content := range []string{"1", "22"} {
		for _, key := range []string{"a/x y", "a/z", "b"} {
			if err := s.Put(t.Context(), key, store.Bytes([]byte(content)), store.PutOptions{}); err != nil {
				t.Fatalf("Put(%q): %v", key, err)
			}
		}
	}
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) // versions of one second have no order
	if err := s.Delete(t.Context(), "a/z"); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	want := []string{
		"a/x y 2 latest=true deleted=false", "a/x y 1 latest=false deleted=false",
		"a/z 0 latest=true deleted=true", "a/z 2 latest=false deleted=false", "a/z 1 latest=false deleted=false",
	}
	all := versions(t, s, "a/")
	if diff := cmp.Diff(want, shape(all)); diff != "" {
		t.Errorf("Versions (-want +got):\n%s", diff)
	}
	for _, v := range all {
		if err := s.DeleteVersions(t.Context(), v); err != nil {
			t.Errorf("DeleteVersions(%q, %q): %v", v.Key, v.ID, err)
		}
	}
	if diff := cmp.Diff([]string{"b 2 latest=true deleted=false", "b 1 latest=false deleted=false"}, shape(versions(t, s, ""))); diff != "" {
		t.Errorf("Versions after all of a/ were deleted (-want +got):\n%s", diff)
	}
	if err := s.DeleteVersions(t.Context(), store.Version{Info: store.Info{Key: "b"}}); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("DeleteVersions without an id = %v, want fs.ErrInvalid", err)
	}
}

func TestVersionsWhereNoneAreKept(t *testing.T) {
	g := gateway.Start(t, gateway.Options{})
	g.Setenv(t)
	s := open(t, config(g))
	if err := s.Put(t.Context(), "a/b", store.Bytes([]byte("x")), store.PutOptions{}); err != nil {
		t.Fatalf("Put: %v", err)
	}
	vs := versions(t, s, "")
	if diff := cmp.Diff([]string{"a/b 1 latest=true deleted=false"}, shape(vs)); diff != "" {
		t.Fatalf("Versions (-want +got):\n%s", diff)
	}
	if err := s.DeleteVersions(t.Context(), vs[0]); err != nil {
		t.Errorf("DeleteVersions(%q): %v", vs[0].ID, err)
	}
	if vs := versions(t, s, ""); len(vs) > 0 {
		t.Errorf("%v is still there", vs)
	}
}

func TestLock(t *testing.T) {
	g := gateway.Start(t, gateway.Options{ObjectLock: true})
	g.Setenv(t)
	c := config(g)
	c.LockMode, c.LockDays = "COMPLIANCE", 2
	s := open(t, c)
	if lock, err := s.Lock(t.Context()); err != nil || lock != (store.Lock{Enabled: true}) {
		t.Errorf("Lock = %+v, %v; want it enabled without a default", lock, err)
	}
	if err := g.LockByDefault(t.Context(), g.Bucket, "GOVERNANCE", 3); err != nil {
		t.Fatal(err)
	}
	want := store.Lock{Enabled: true, Mode: "GOVERNANCE", Default: 72 * time.Hour}
	if lock, err := s.Lock(t.Context()); err != nil || lock != want {
		t.Errorf("Lock = %+v, %v; want %+v", lock, err, want)
	}
	if err := s.Put(t.Context(), "a/b", store.Bytes([]byte("x")), store.PutOptions{IfAbsent: true}); err != nil {
		t.Fatalf("Put: %v", err)
	}
	if err := s.Delete(t.Context(), "a/b"); err != nil {
		t.Errorf("Delete, which only hides: %v", err)
	}
	for _, v := range versions(t, s, "") {
		err := s.DeleteVersions(t.Context(), v)
		if v.Deleted && err != nil {
			t.Errorf("DeleteVersions of a marker: %v", err)
		}
		if !v.Deleted && (!errors.Is(err, fs.ErrPermission) || !errors.Is(err, store.ErrRefused)) {
			t.Errorf("DeleteVersions of a locked object = %v, want fs.ErrPermission and ErrRefused", err)
		}
	}

	other := gateway.Options{Bucket: "unlocked"}
	if err := g.CreateBucket(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	c = config(g)
	c.Bucket = "unlocked"
	if lock, err := open(t, c).Lock(t.Context()); err != nil || lock != (store.Lock{}) {
		t.Errorf("Lock of a bucket without = %+v, %v", lock, err)
	}
	c.Bucket = "missing"
	if _, err := open(t, c).Lock(t.Context()); !errors.Is(err, store.ErrRefused) {
		t.Errorf("Lock of a bucket that is missing = %v, want ErrRefused", err)
	}
}
