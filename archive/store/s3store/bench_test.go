package s3store_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"logstow/archive/store"
	"logstow/archive/store/s3store"
	"logstow/archive/store/storetest/gateway"
)

// BenchmarkPut puts 8 KB objects if absent into a server of another process
// that takes anything. cpu-µs/op is what that costs this process.
func BenchmarkPut(b *testing.B) {
	for _, client := range s3store.Clients() {
		b.Run(client, func(b *testing.B) {
			s := benchStore(b, client)
			body := store.Bytes(make([]byte, 8<<10))
			var n atomic.Int64
			measure(b, func() error {
				i := n.Add(1)
				key := fmt.Sprintf("12345/jobs/67890/20240102/%d/12345-67890-%d-20240102030405-succeeded.json", i, i)
				return s.Put(b.Context(), key, body, store.PutOptions{IfAbsent: true})
			})
		})
	}
}

// measure runs do in many goroutines and reports the CPU time of each call.
func measure(b *testing.B, do func() error) {
	b.ReportAllocs()
	b.SetParallelism(16)
	before := cpu(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := do(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-µs/op")
}

func cpu(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return (u.Utime.Nano() + u.Stime.Nano()) / 1000
}

func benchStore(b *testing.B, client string) *s3store.Store {
	b.Helper()
	for _, pair := range (&gateway.Gateway{}).Env() {
		name, value, _ := strings.Cut(pair, "=")
		b.Setenv(name, value)
	}
	s, err := s3store.Open(b.Context(), s3store.Config{Bucket: "bucket", Endpoint: startBare(b), PathStyle: true, Client: client})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkNothing sends the same bytes by net/http alone.
func BenchmarkNothing(b *testing.B) {
	server := startBare(b)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, WriteBufferSize: 32 << 10}}
	content := make([]byte, 8<<10)
	measure(b, func() error {
		body := store.Bytes(content)
		req, err := http.NewRequestWithContext(b.Context(), http.MethodPut, server+"/bucket/key", io.NewSectionReader(body, 0, body.Size))
		if err != nil {
			return err
		}
		req.ContentLength = body.Size
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
}
