package filesource_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"logstow/archive/source/filesource"
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
