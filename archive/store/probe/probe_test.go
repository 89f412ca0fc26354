package probe_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/store"
	"logstow/archive/store/dirstore"
	"logstow/archive/store/memstore"
	"logstow/archive/store/probe"
	"logstow/archive/store/s3store"
	"logstow/archive/store/storetest"
	"logstow/archive/store/storetest/gateway"
	"logstow/layout"
)

var errForbidden = fmt.Errorf("%w: %w", store.ErrRefused, fs.ErrPermission)

// odd is a store that does some things otherwise than it should.
type odd struct {
	store.Store
	forbid       string // methods, space-separated
	err          error  // what forbidden ones return; nil: errForbidden
	ignores      bool   // conditions
	unsupporting bool   // conditions are answered with errors.ErrUnsupported
	garbles      bool   // what is read
	forgets      bool   // to list
	keeps        bool   // what is deleted
	clock        time.Duration
}

func (s odd) forbidden(method string) error {
	if !strings.Contains(s.forbid, method) {
		return nil
	}
	if s.err != nil {
		return s.err
	}
	return errForbidden
}

func (s odd) Put(ctx context.Context, key string, body store.Body, opts store.PutOptions) error {
	if err := s.forbidden("Put"); err != nil {
		return err
	}
	if s.unsupporting && opts.IfAbsent {
		return fmt.Errorf("%w: %w", store.ErrRefused, errors.ErrUnsupported)
	}
	if s.ignores {
		opts.IfAbsent = false
	}
	return s.Store.Put(ctx, key, body, opts)
}

func (s odd) Get(ctx context.Context, key string, part store.Range) (io.ReadCloser, store.Info, error) {
	if err := s.forbidden("Get"); err != nil {
		return nil, store.Info{}, err
	}
	r, info, err := s.Store.Get(ctx, key, part)
	if s.garbles {
		r = io.NopCloser(strings.NewReader("garbled"))
	}
	return r, info, err
}

func (s odd) Stat(ctx context.Context, key string) (store.Info, error) {
	if err := s.forbidden("Get"); err != nil {
		return store.Info{}, err
	}
	info, err := s.Store.Stat(ctx, key)
	info.ModTime = info.ModTime.Add(s.clock)
	return info, err
}

func (s odd) List(ctx context.Context, opts store.ListOptions) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) {
		if err := s.forbidden("List"); err != nil {
			yield(store.Info{}, err)
			return
		}
		if !s.forgets {
			s.Store.List(ctx, opts)(yield)
		}
	}
}

func (s odd) Delete(ctx context.Context, keys ...string) error {
	if err := s.forbidden("Delete"); err != nil {
		return err
	}
	if s.keeps {
		return nil
	}
	return s.Store.Delete(ctx, keys...)
}

func TestConditional(t *testing.T) {
	for _, test := range []struct {
		name      string
		store     store.Store
		want      bool
		first     int // requests of the first call
		afterward int // of the second
	}{
		{"supported", memstore.New(), true, 2, 1},
		{"ignored", odd{Store: memstore.New(), ignores: true}, false, 2, 2},
		{"unsupported", odd{Store: memstore.New(), unsupporting: true}, false, 1, 1},
	} {
		s := storetest.NewFaulty(test.store)
		for _, requests := range []int{test.first, test.afterward} {
			s.Reset()
			got, err := probe.Conditional(t.Context(), s)
			if got != test.want || err != nil {
				t.Errorf("%s: Conditional = %v, %v; want %v", test.name, got, err, test.want)
			}
			if n := len(s.Calls()); n != requests {
				t.Errorf("%s: %d requests, want %d", test.name, n, requests)
			}
		}
	}
	_, err := probe.Conditional(t.Context(), odd{Store: memstore.New(), forbid: "Put"})
	if !errors.Is(err, store.ErrRefused) {
		t.Errorf("Conditional where writing is forbidden = %v, want ErrRefused", err)
	}
}

// states returns the checks as "name=state", without those that are ok.
func states(checks []probe.Check) string {
	var parts []string
	for _, c := range checks {
		if c.State != probe.OK {
			parts = append(parts, c.Name+"="+string(c.State))
		}
	}
	return strings.Join(parts, " ")
}

func TestDoctor(t *testing.T) {
	const unwritable = "write=fail read=skipped conditional write=skipped clock=skipped delete=skipped"
	const unusable = "credentials=fail write=skipped read=skipped list=skipped conditional write=skipped presigned URL=skipped " +
		"clock=skipped versions=skipped object lock=skipped unfinished uploads=skipped delete=skipped"
	refused := func(err error) error { return fmt.Errorf("%w: %w", store.ErrRefused, err) }
	for _, test := range []struct {
		name string
		odd  odd
		want string
		says string // in a detail or an advice
	}{
		{"all well", odd{}, "", "read the same bytes"},
		{"write only", odd{forbid: "Get List Delete"}, "read=warn list=warn clock=skipped delete=warn", "unverified"},
		{"no writing", odd{forbid: "Put"}, unwritable, "policies"},
		{"no reading", odd{forbid: "Get"}, "read=warn clock=skipped", "cat"},
		{"no listing", odd{forbid: "List"}, "list=warn", "adopt"},
		{"no deleting", odd{forbid: "Delete"}, "delete=warn", "_logstow/probe-"},
		{"ignored conditions", odd{ignores: true}, "conditional write=warn", "If-None-Match"},
		{"ignored conditions, no reading", odd{ignores: true, forbid: "Get"}, "read=warn conditional write=fail clock=skipped", "forbids reading"},
		{"garbled", odd{garbles: true}, "read=fail", "don't use"},
		{"stale listing", odd{forgets: true}, "list=fail", "don't use"},
		{"undead", odd{keeps: true}, "delete=fail", "still there"},
		{"bad credentials", odd{forbid: "List Put", err: refused(store.ErrCredentials)}, unusable, "credentials that this store knows"},
		{"unreachable", odd{forbid: "List Put", err: store.ErrUnavailable}, unusable, "network"},
		{"clock ahead", odd{clock: 40 * time.Second}, "clock=warn", "40s ahead"},
		{"clock behind", odd{clock: -10 * time.Minute}, "clock=fail", "behind"},
	} {
		inner := memstore.New()
		test.odd.Store = inner
		checks := probe.Doctor(t.Context(), test.odd, probe.Options{})
		if got := states(checks); got != test.want {
			t.Errorf("%s: Doctor finds %q, want %q", test.name, got, test.want)
		}
		if said := fmt.Sprint(checks); !strings.Contains(said, test.says) {
			t.Errorf("%s: Doctor says %s, want %q in it", test.name, said, test.says)
		}
		for _, c := range checks {
			if c.Detail == "" || (c.State == probe.Warn || c.State == probe.Fail) != (c.Advice != "") {
				t.Errorf("%s: %+v: want a detail, and advice where it is a warning or a failure", test.name, c)
			}
		}
		if test.odd.keeps || strings.Contains(test.odd.forbid, "Delete") {
			continue
		}
		for info, err := range inner.List(t.Context(), store.ListOptions{}) {
			if err != nil || info.Key != layout.Probe {
				t.Errorf("%s: Doctor left %s behind (%v)", test.name, info.Key, err)
			}
		}
	}
}

func TestDoctorInDirectory(t *testing.T) {
	s, err := dirstore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	checks := probe.Doctor(t.Context(), s, probe.Options{})
	if got := states(checks); got != "" {
		t.Errorf("Doctor finds %q in a directory: %+v", got, checks)
	}
}

// TestDoctorCleansUpAfterLostAnswer checks that what a failed write left goes.
func TestDoctorCleansUpAfterLostAnswer(t *testing.T) {
	inner := memstore.New()
	s := storetest.NewFaulty(inner)
	s.Arm(storetest.Fault{Call: 2, When: storetest.After, Err: store.ErrUnavailable})
	if got := states(probe.Doctor(t.Context(), s, probe.Options{})); !strings.Contains(got, "write=fail") {
		t.Errorf("Doctor finds %q, want the write to have failed", got)
	}
	for info, err := range inner.List(t.Context(), store.ListOptions{}) {
		t.Errorf("Doctor left %s behind (%v)", info.Key, err)
	}
}

func TestDoctorOnS3(t *testing.T) {
	g := gateway.Start(t, gateway.Options{})
	g.Setenv(t)
	locked := gateway.Options{Bucket: "locked", ObjectLock: true}
	versioned := gateway.Options{Bucket: "versioned", Versioning: true}
	lockable := gateway.Options{Bucket: "lockable", ObjectLock: true}
	suspended := gateway.Options{Bucket: "suspended", Versioning: true}
	for _, opts := range []gateway.Options{locked, versioned, lockable, suspended, {Bucket: "uploads"}} {
		if err := g.CreateBucket(t.Context(), opts); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.SuspendVersioning(t.Context(), "suspended"); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"some/prefix/a", "some/prefix/b", "other/a"} {
		if err := g.BeginUpload(t.Context(), "uploads", key); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.LockByDefault(t.Context(), "locked", "GOVERNANCE", 10); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		bucket string
		days   int
		want   string
		says   string
	}{
		{g.Bucket, 0, "", "the bucket keeps none"},
		{g.Bucket, 30, "object lock=warn", "within their 30 days"},
		{"versioned", 0, "", "the bucket keeps versions"},
		{"locked", 10, "", "locked for 10 days (GOVERNANCE)"},
		{"locked", 30, "object lock=warn", "less than the 30"},
		{"locked", 3, "object lock=warn", "longer than the 3"},
		{"locked", 10, "", "refused by Object Lock, as for all"},
		{"by URL", 0, "", "refused by Object Lock until 20"},
		{"suspended", 0, "", "but once did"},
		{"uploads", 0, "unfinished uploads=warn", "2, the oldest of 20"},
		{"missing", 0, "credentials=fail", "NoSuchBucket"},
	} {
		c := s3store.Config{Bucket: test.bucket, Prefix: "some/prefix", Endpoint: g.Endpoint, Region: gateway.Region, PathStyle: true}
		if test.bucket == "by URL" {
			c.Bucket, c.LockMode, c.LockDays = "lockable", "COMPLIANCE", 5
		}
		s, err := s3store.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		checks := probe.Doctor(t.Context(), s, probe.Options{RetentionDays: test.days})
		got, _, _ := strings.Cut(states(checks), " write=skipped")
		if got != test.want || !strings.Contains(fmt.Sprint(checks), test.says) {
			t.Errorf("bucket %s, %d days: Doctor finds %q, want %q and %q:\n%+v", test.bucket, test.days, got, test.want, test.says, checks)
		}
		if strings.Contains(fmt.Sprint(checks), "refused by Object Lock") {
			for info, err := range s.List(t.Context(), store.ListOptions{}) {
				if err != nil || info.Key != layout.Probe {
					t.Errorf("bucket %s: %s, which is locked, isn't hidden (%v)", test.bucket, info.Key, err)
				}
			}
			continue
		}
		if test.bucket == "missing" {
			continue
		}
		var left []string
		for v, err := range s.Versions(t.Context(), "") {
			if err != nil {
				t.Fatalf("Versions: %v", err)
			}
			left = append(left, v.Key)
		}
		if diff := cmp.Diff([]string{layout.Probe}, left); diff != "" {
			t.Errorf("bucket %s: Doctor left (-want +got):\n%s", test.bucket, diff)
		}
	}
}

// signer presigns URLs of a server of its own.
type signer struct {
	store.Store
	address string
	ttl     time.Duration
}

func (s signer) Presign(context.Context, string, time.Duration, string) (string, time.Time, error) {
	return s.address, time.Now().Add(s.ttl), nil
}

func TestDoctorFetchesURL(t *testing.T) {
	var content func(key string) []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/denied" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if r.URL.Path == "/late" {
			w.Header().Set("Date", time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat))
		}
		_, _ = w.Write(content(r.URL.Path))
	}))
	defer server.Close()
	for _, test := range []struct {
		path string
		ttl  time.Duration
		want string
		says string
	}{
		{"/good", time.Hour, "", "works without credentials"},
		{"/good", 10 * time.Minute, "presigned URL=warn", "for 10m0s only"},
		{"/denied", time.Hour, "presigned URL=warn", "403"},
		{"/other", time.Hour, "presigned URL=warn", "other bytes"},
		{"/late", time.Hour, "clock=warn", "behind"},
	} {
		inner := memstore.New()
		content = func(path string) []byte {
			var b bytes.Buffer
			for info, err := range inner.List(t.Context(), store.ListOptions{Prefix: layout.Probe + "-"}) {
				if err != nil {
					continue // what is written falls short, then
				}
				r, _, err := inner.Get(t.Context(), info.Key, store.Range{})
				if err == nil {
					_, _ = b.ReadFrom(r)
				}
			}
			if path == "/other" {
				b.WriteString("!")
			}
			return b.Bytes()
		}
		checks := probe.Doctor(t.Context(), signer{inner, server.URL + test.path, test.ttl}, probe.Options{})
		if got := states(checks); got != test.want || !strings.Contains(fmt.Sprint(checks), test.says) {
			t.Errorf("%s: Doctor finds %q, want %q and %q:\n%+v", test.path, got, test.want, test.says, checks)
		}
	}
}
