package dirstore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"logstow/archive/store"
	"logstow/archive/store/dirstore"
)

// BenchmarkPut puts 8 KB documents if absent, 32 at a time, each into a folder
// of its own as documents have them.
func BenchmarkPut(b *testing.B) {
	s, err := dirstore.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	body := store.Bytes(make([]byte, 8<<10))
	benchmark(b, func(key string) error {
		return s.Put(b.Context(), key, body, store.PutOptions{IfAbsent: true})
	})
}

// BenchmarkBare makes the same tree with the same fsyncs and nothing else: the
// file, its folder, and the folder that this is in.
func BenchmarkBare(b *testing.B) {
	root := b.TempDir()
	content := make([]byte, 8<<10)
	benchmark(b, func(key string) error {
		path := filepath.Join(root, key)
		dir := filepath.Dir(path)
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return err
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
		if err != nil {
			return err
		}
		if _, err := f.Write(content); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		for _, d := range []string{dir, filepath.Dir(dir)} {
			if err := fsync(d); err != nil {
				return err
			}
		}
		return nil
	})
}

func fsync(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

func benchmark(b *testing.B, put func(key string) error) {
	var n atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			key := fmt.Sprintf("12345/jobs/%d/2024010%d/%d/12345-67890-%d-20240102030405-succeeded.json", i%20, i%7, i, i)
			if err := put(key); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
