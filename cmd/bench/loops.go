package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
)

// entry is a record of the corpus by its index.
type entry struct {
	offset int64
	size   int
	key    string
}

// eachRecord calls do for every record of a corpus, with workers calls at a
// time. Each worker has a do of its own.
func eachRecord(ctx context.Context, records, index string, workers int, newDo func() func(ctx context.Context, key string, data []byte) error) error {
	file, err := os.Open(records)
	if err != nil {
		return err
	}
	defer file.Close()
	group, ctx := errgroup.WithContext(ctx)
	entries := make(chan entry, 1024)
	group.Go(func() error {
		defer close(entries)
		return readIndex(ctx, index, entries)
	})
	for range workers {
		group.Go(func() error {
			do := newDo()
			var buf []byte
			for e := range entries {
				if cap(buf) < e.size {
					buf = make([]byte, e.size, 2*e.size)
				}
				buf = buf[:e.size]
				if _, err := file.ReadAt(buf, e.offset); err != nil && err != io.EOF {
					return err
				}
				if err := do(ctx, e.key, buf); err != nil {
					return fmt.Errorf("%s: %w", e.key, err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func readIndex(ctx context.Context, path string, to chan<- entry) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		e, err := parseEntry(lines.Text())
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		select {
		case to <- e:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return lines.Err()
}

func parseEntry(line string) (e entry, err error) {
	offset, rest, _ := strings.Cut(line, " ")
	size, key, _ := strings.Cut(rest, " ")
	e.key = key
	if e.offset, err = strconv.ParseInt(offset, 10, 64); err != nil {
		return e, err
	}
	e.size, err = strconv.Atoi(size)
	return e, err
}
