package filesource_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/klauspost/compress/gzip"

	"logstow/archive/source/filesource"
	"logstow/layout/jobfile"
)

// TestStops stops reading a compressed file after some records, by ctx or by
// the consumer. The bubble tells if anything goes on.
func TestStops(t *testing.T) {
	text := records(3 << 19)
	total := strings.Count(text, "\n")
	for name, p := range packers(t) {
		packed, _ := p.pack(t, text, nil)
		path := filepath.Join(t.TempDir(), "f")
		write(t, path, string(packed), 0)
		for _, after := range []int{1, 300, total - 1} {
			for _, cancels := range []bool{true, false} {
				synctest.Test(t, func(t *testing.T) {
					err := readSome(t, filesource.Config{Path: path}, after, cancels)
					if cancels != errors.Is(err, context.Canceled) {
						t.Errorf("%s: stopped after %d records, by ctx %t: %v", name, after, cancels, err)
					}
				})
			}
		}
	}
}

// readSome reads that many records, and then cancels or just stops. It returns
// the error with which reading ended.
func readSome(t *testing.T, c filesource.Config, n int, cancels bool) error {
	t.Helper()
	b := newBudget(1 << 20)
	c.Budget = b
	s, err := filesource.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for rec, err := range s.Records(ctx, nil) {
		if last = err; err != nil {
			continue
		}
		rec.Release()
		if n--; n == 0 && cancels {
			synctest.Wait() // for all blocks to be full
			cancel()
		} else if n == 0 {
			break
		}
	}
	if b.held != 0 {
		t.Errorf("%d bytes of the budget are still held", b.held)
	}
	return last
}

// TestStopsWaiting stops reading a compressed stream that has no more to read
// for now.
func TestStopsWaiting(t *testing.T) {
	text := records(100 << 10)
	for name, p := range packers(t) {
		packed, at := p.pack(t, text, []int{len(text) / 2})
		for _, cancels := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				r, w := io.Pipe()
				defer w.Close()
				go func() { _, _ = w.Write(packed[:at[0]]) }()
				b := newBudget(1 << 20)
				s, err := filesource.New(filesource.Config{Path: "-", Stdin: r, Budget: b})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if cancels {
					go func() {
						synctest.Wait()
						cancel()
					}()
				}
				var last error
				for rec, err := range s.Records(ctx, nil) {
					if last = err; err != nil {
						continue
					}
					rec.Release()
					if !cancels {
						break
					}
				}
				if cancels != errors.Is(last, context.Canceled) || b.held != 0 {
					t.Errorf("%s, cancelled %t: %v, %d bytes held", name, cancels, last, b.held)
				}
			})
		}
	}
}

// TestAtOnce has a writer of a compressed stream that waits for each record to
// have been read before it writes the next.
func TestAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		z := gzip.NewWriter(w)
		next := make(chan struct{})
		go func() {
			for i := range 50 {
				_, err := fmt.Fprintf(z, "{\"i\":%d}\n", i)
				if err = errors.Join(err, z.Flush()); err != nil {
					t.Error(err)
				}
				<-next
			}
			_ = w.CloseWithError(z.Close())
		}()
		s, err := filesource.New(filesource.Config{Path: "-", Stdin: r, Budget: newBudget(100)})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for rec, err := range s.Records(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			rec.Release()
			next <- struct{}{}
		}
		if n != 50 {
			t.Errorf("%d records, want 50", n)
		}
	})
}

// TestReplacedCompressed reads a compressed file that has other content than
// its cursor says, so that its stream is begun twice.
func TestReplacedCompressed(t *testing.T) {
	for name, p := range packers(t) {
		text := records(1 << 20)
		first, _ := p.pack(t, text, nil)
		path := filepath.Join(t.TempDir(), "f")
		write(t, path, string(first), 0)
		out := read(t, filesource.Config{Path: path}, nil)
		other := strings.Replace(text, `"id":1,`, `"id":"one",`, 1)
		second, _ := p.pack(t, other+text, nil)
		write(t, path, string(second), 0)
		synctest.Test(t, func(t *testing.T) {
			again := read(t, filesource.Config{Path: path}, out.cursors)
			good, _ := again.data()
			if joined := strings.Join(good, "\n") + "\n"; joined != other+text {
				t.Errorf("%s: %d bytes of records, want %d; errors %q", name, len(joined), len(other+text), again.errs)
			}
		})
	}
}

// TestScannedAcross has records lie across the ends of what is read at once.
// Each must still be found and read in one pass.
func TestScannedAcross(t *testing.T) {
	text := manyRecords(2<<20, 8200)
	reader, err := jobfile.NewReader(jobfile.Config{})
	if err != nil {
		t.Fatal(err)
	}
	packings := map[string]string{"plain": text}
	for name, p := range packers(t) {
		packed, _ := p.pack(t, text, nil)
		packings[name] = string(packed)
	}
	for name, packed := range packings {
		path := filepath.Join(t.TempDir(), "f")
		write(t, path, packed, 0)
		for _, c := range []filesource.Config{{Path: path}, {Path: "-", Stdin: strings.NewReader(packed)}} {
			c.Reader, c.Budget = reader, newBudget(1<<20)
			s, err := filesource.New(c)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for rec, err := range s.Records(t.Context(), nil) {
				if err != nil || !rec.Scanned || rec.Err != nil {
					t.Fatalf("%s, %s: record %d: %v, %+v", name, c.Path, n, err, rec)
				}
				n++
				rec.Release()
			}
			if want := strings.Count(text, "\n"); n != want {
				t.Errorf("%s, %s: %d records, want %d", name, c.Path, n, want)
			}
		}
	}
}
