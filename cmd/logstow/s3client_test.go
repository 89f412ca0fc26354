package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"logstow/archive/store"
	"logstow/archive/store/storetest/gateway"
	"logstow/cmd/internal/config"
)

// The setting says what puts small objects, and wins over the store's URL.
func TestS3Client(t *testing.T) {
	agents := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		agents <- r.Header.Get("User-Agent")
	}))
	defer server.Close()
	(&gateway.Gateway{}).Setenv(t)
	for _, c := range []struct{ url, setting, want string }{
		{"", "", "logstow"},
		{"", "direct", "logstow"},
		{"", "sdk", "aws-sdk-go"},
		{"&client=sdk", "", "aws-sdk-go"},
		{"&client=sdk", "direct", "logstow"},
	} {
		cfg := &config.Config{Store: "s3://bucket?path_style=true&endpoint=" + server.URL + c.url, S3: config.S3{Client: c.setting}}
		s, err := openStore(t.Context(), cfg)
		if err != nil {
			t.Fatalf("openStore(%s): %v", cfg.Store, err)
		}
		if err := s.Put(t.Context(), "k", store.Bytes([]byte("x")), store.PutOptions{}); err != nil {
			t.Fatalf("Put: %v", err)
		}
		if agent := <-agents; !strings.HasPrefix(agent, c.want) {
			t.Errorf("with client %q and a URL that says %q it is put by %s, want %s", c.setting, c.url, agent, c.want)
		}
	}
}
