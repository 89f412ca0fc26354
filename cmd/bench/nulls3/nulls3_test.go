package nulls3_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/store"
	"logstow/archive/store/s3store"
	"logstow/cmd/bench/nulls3"
)

// The product's own client must find it behaves as S3 does.
func TestServer(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "any")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "any")
	null := &nulls3.Server{}
	server := httptest.NewServer(null)
	defer server.Close()
	c, err := s3store.ParseURL("s3://bucket/pre?path_style=true&region=us-east-1&endpoint=" + server.URL)
	if err != nil {
		t.Fatal(err)
	}
	s, err := s3store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range []string{"b", "a", "b", "c/d"} {
		err := s.Put(t.Context(), key, store.Bytes([]byte(strings.Repeat("x", i))), store.PutOptions{IfAbsent: true})
		if exists := err != nil; exists != (i == 2) {
			t.Errorf("Put %d of %s: %v", i, key, err)
		}
	}
	if got, want := null.Stats(), (nulls3.Stats{Puts: 3, Bytes: 4, Exist: 1}); got != want {
		t.Errorf("Stats() = %+v, want %+v", got, want)
	}
	want := []string{"bucket/pre/a", "bucket/pre/b", "bucket/pre/c/d"}
	if got := null.Objects(); !slices.Equal(got, want) {
		t.Errorf("Objects() = %q, want %q", got, want)
	}
	var listed []string
	for info, err := range s.List(t.Context(), store.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, fmt.Sprint(info.Key, " ", info.Size))
	}
	if diff := cmp.Diff([]string{"a 1", "b 0", "c/d 3"}, listed); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	if info, err := s.Stat(t.Context(), "c/d"); err != nil || info.Size != 3 {
		t.Errorf("Stat(c/d) = %+v, %v; want a size of 3", info, err)
	}
	if _, err := s.Stat(t.Context(), "nothing"); err == nil {
		t.Error("Stat of what is not there succeeded")
	}
}
