package dirstore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"logstow/archive/store"
	"logstow/archive/store/dirstore"
)

// BenchmarkPut puts 8 KB documents if absent, so many at a time, each into a
// folder of its own as documents have them.
func BenchmarkPut(b *testing.B) {
	body := store.Bytes(make([]byte, 8<<10))
	benchmark(b, func(root string) func(key string) error {
		s, err := dirstore.Open(root)
		if err != nil {
			b.Fatal(err)
		}
		return func(key string) error {
			return s.Put(b.Context(), key, body, store.PutOptions{IfAbsent: true})
		}
	})
}

// BenchmarkBare makes the same tree with the same fsyncs and nothing else: the
// file, its folder, and the folder that this is in.
func BenchmarkBare(b *testing.B) {
	content := make([]byte, 8<<10)
	benchmark(b, func(root string) func(key string) error {
		return func(key string) error { return bare(root, key, content) }
	})
}

func bare(root, key string, content []byte) error {
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

// benchmark runs on a file system that other runs have not just removed files
// from: ext4 is slow to make new ones there.
func benchmark(b *testing.B, in func(root string) func(key string) error) {
	for _, beside := range []int{1, 16, 64, 256} {
		b.Run(strconv.Itoa(beside), func(b *testing.B) {
			put := in(b.TempDir())
			var n atomic.Int64
			var group errgroup.Group
			b.ResetTimer()
			for range beside {
				group.Go(func() error {
					for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
						key := fmt.Sprintf("12345/jobs/%d/2024010%d/%d/12345-67890-%d-20240102030405-succeeded.json", i%20, i%7, i, i)
						if err := put(key); err != nil {
							return err
						}
					}
					return nil
				})
			}
			if err := group.Wait(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
