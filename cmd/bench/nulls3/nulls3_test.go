package nulls3_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/store"
	"logstow/archive/store/s3store"
	"logstow/cmd/bench/nulls3"
)

// serve runs a server until the test ends and returns its address.
func serve(t *testing.T, null *nulls3.Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- null.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return l.Addr().String()
}

// open opens a store on a server with one of the product's own clients.
func open(t *testing.T, address, client string) *s3store.Store {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "any")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "any")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	c, err := s3store.ParseURL("s3://bucket/pre?path_style=true&region=us-east-1&endpoint=http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	c.Client = client
	s, err := s3store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The product's own clients must find it behaves as S3 does.
func TestServer(t *testing.T) {
	for _, client := range []string{"", "sdk"} {
		t.Run("client "+client, func(t *testing.T) { testServer(t, client) })
	}
}

func testServer(t *testing.T, client string) {
	null := &nulls3.Server{Names: true}
	s := open(t, serve(t, null), client)
	for i, key := range []string{"b", "a", "b", "c/d é"} {
		err := s.Put(t.Context(), key, store.Bytes([]byte(strings.Repeat("x", i))), store.PutOptions{IfAbsent: true})
		if exists := err != nil; exists != (i == 2) {
			t.Errorf("Put %d of %s: %v", i, key, err)
		}
	}
	if got, want := null.Stats(), (nulls3.Stats{Puts: 3, Bytes: 4, Exist: 1, Connections: 1}); got != want {
		t.Errorf("Stats() = %+v, want %+v", got, want)
	}
	want := []string{"bucket/pre/a", "bucket/pre/b", "bucket/pre/c/d é"}
	if got := null.Objects(); !slices.Equal(got, want) || null.Count() != len(want) {
		t.Errorf("Objects() = %q, Count() = %d, want %q", got, null.Count(), want)
	}
	var listed []string
	for info, err := range s.List(t.Context(), store.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, fmt.Sprint(info.Key, " ", info.Size))
	}
	if diff := cmp.Diff([]string{"a 1", "b 0", "c/d é 3"}, listed); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	if info, err := s.Stat(t.Context(), "c/d é"); err != nil || info.Size != 3 {
		t.Errorf("Stat(c/d é) = %+v, %v; want a size of 3", info, err)
	}
	if _, err := s.Stat(t.Context(), "nothing"); err == nil {
		t.Error("Stat of what is not there succeeded")
	}
}

// A body that the SDK asks leave to send, and that many reads take.
func TestLargeBody(t *testing.T) {
	null := &nulls3.Server{}
	s := open(t, serve(t, null), "sdk")
	body := store.Bytes(make([]byte, 5<<20))
	if err := s.Put(t.Context(), "large", body, store.PutOptions{IfAbsent: true}); err != nil {
		t.Fatal(err)
	}
	if got, want := null.Stats(), (nulls3.Stats{Puts: 1, Bytes: 5 << 20, Connections: 1}); got != want {
		t.Errorf("Stats() = %+v, want %+v", got, want)
	}
}

// Of many who put the same names at once, one each succeeds.
func TestConditionHoldsAmongMany(t *testing.T) {
	const clients, keys = 8, 200
	null := &nulls3.Server{}
	s := open(t, serve(t, null), "")
	var racing sync.WaitGroup
	for range clients {
		racing.Go(func() {
			for i := range keys {
				err := s.Put(t.Context(), fmt.Sprint(i), store.Bytes([]byte("x")), store.PutOptions{IfAbsent: true})
				if err != nil && !strings.Contains(err.Error(), "exist") {
					t.Errorf("Put: %v", err)
				}
			}
		})
	}
	racing.Wait()
	st := null.Stats()
	if st.Puts != keys || st.Exist != keys*(clients-1) || null.Count() != keys || st.Requests() != keys*clients {
		t.Errorf("Stats() = %+v, Count() = %d, want %d puts and %d that exist", st, null.Count(), keys, keys*(clients-1))
	}
	if st.Connections < 1 || st.Connections >= st.Requests() {
		t.Errorf("%d connections were made for %d requests", st.Connections, st.Requests())
	}
}
