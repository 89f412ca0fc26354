package filesource_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"logstow/archive/source/filesource"
	"logstow/layout/jobfile"
)

// records is a text of about n bytes of records, each on its line.
func records(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "{\"id\":%d,\"s\":%q}\n", i, strings.Repeat(fmt.Sprintf("%x ", i*i*7919), 1+i*31%190))
	}
	return b.String()
}

// flusher is what the writers of both compressions are.
type flusher interface {
	io.WriteCloser
	Flush() error
}

// packers are compressions, and what reads them one byte after the other.
func packers(t testing.TB) map[string]packer {
	t.Helper()
	return map[string]packer{
		"gzip": {
			func(w io.Writer) flusher { return gzip.NewWriter(w) },
			func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		},
		"zstd": {
			func(w io.Writer) flusher {
				z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
				if err != nil {
					t.Fatal(err)
				}
				return z
			},
			func(r io.Reader) (io.Reader, error) {
				z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
				if err == nil {
					t.Cleanup(z.Close)
				}
				return z, err
			},
		},
	}
}

type packer struct {
	writer func(io.Writer) flusher
	reader func(io.Reader) (io.Reader, error)
}

// pack compresses a text, and tells where in the result what stands at each
// offset of the text begins.
func (p packer) pack(t testing.TB, text string, offsets []int) (packed []byte, at []int) {
	t.Helper()
	var b bytes.Buffer
	w := p.writer(&b)
	from := 0
	for _, to := range offsets {
		_, err := io.WriteString(w, text[from:to])
		if err = errors.Join(err, w.Flush()); err != nil {
			t.Fatal(err)
		}
		at, from = append(at, b.Len()), to
	}
	_, err := io.WriteString(w, text[from:])
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), at
}

// unpack returns what there is before damage, and the damage.
func (p packer) unpack(packed []byte) (string, error) {
	r, err := p.reader(bytes.NewReader(packed))
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(r)
	return string(b), err
}

// edges are the offsets around which blocks that are read ahead begin.
func edges(size int) []int {
	var all []int
	for at := 32 << 10; at < size; at += 256 << 10 {
		all = append(all, at-1, at, at+1)
	}
	return all
}

// TestDamageAtBlocks damages compressed files where the blocks begin that are
// read ahead. All that is whole before it must be yielded, as from a file that
// ends there and isn't compressed, and then one error.
func TestDamageAtBlocks(t *testing.T) {
	text := records(580 << 10)
	dir := t.TempDir()
	for name, p := range packers(t) {
		packed, at := p.pack(t, text, edges(len(text)))
		for i, n := range at {
			cut := packed[:n]
			changed := slices.Clone(packed)
			for k := range changed[n:min(n+8, len(changed))] {
				changed[n+k] ^= 0xff
			}
			for how, damaged := range map[string][]byte{"cut": cut, "cut within a block": packed[:n+5], "changed": changed} {
				what := fmt.Sprintf("%s, %s at %d", name, how, edges(len(text))[i])
				whole, err := p.unpack(damaged)
				if err == nil {
					t.Fatalf("%s: it is not damaged", what)
				}
				plain, path := filepath.Join(dir, "plain"), filepath.Join(dir, "packed")
				write(t, plain, whole, 48*time.Hour)
				write(t, path, string(damaged), 48*time.Hour)
				want, out := read(t, filesource.Config{Path: plain}, nil), read(t, filesource.Config{Path: path}, nil)
				compareRecords(t, what, want.records, out.records)
				if len(out.errs) != 1 || !strings.Contains(out.errs[0], fmt.Sprintf("at byte %d: ", len(whole))) {
					t.Errorf("%s: errors %q, want one at byte %d", what, out.errs, len(whole))
				}
			}
		}
	}
}

func compareRecords(t *testing.T, what string, want, have []got) {
	t.Helper()
	for i := range min(len(want), len(have)) {
		w, h := want[i], have[i]
		w.Part = h.Part
		if diff := cmp.Diff(w, h); diff != "" {
			t.Errorf("%s: record %d of %d (-want +got)\n%s", what, i, len(have), diff)
			return
		}
	}
	if len(want) != len(have) {
		t.Errorf("%s: %d records, want %d", what, len(have), len(want))
	}
}

// TestManyMembers reads files of many compressed members, some of them empty.
func TestManyMembers(t *testing.T) {
	text := records(400 << 10)
	for name, p := range packers(t) {
		var b bytes.Buffer
		for i := 0; i < len(text); i += 4999 {
			packed, _ := p.pack(t, text[i:min(i+4999, len(text))], nil)
			b.Write(packed)
			if i%5 == 0 {
				empty, _ := p.pack(t, "", nil)
				b.Write(empty)
			}
		}
		path := filepath.Join(t.TempDir(), "f")
		write(t, path, b.String(), 0)
		out := read(t, filesource.Config{Path: path}, nil)
		good, broken := out.data()
		if joined := strings.Join(good, "\n") + "\n"; joined != text || len(broken)+len(out.errs) > 0 {
			t.Errorf("%s: %d bytes of records, want %d; %d broken, errors %q", name, len(joined), len(text), len(broken), out.errs)
		}
	}
}

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
