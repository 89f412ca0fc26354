package segment_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"logstow/layout/segment"
)

// readAll does with a file what can be done, and returns its first error. What
// it returns otherwise must be the rows.
func readAll(file []byte, rows []*segment.Row) error {
	r, err := segment.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return err
	}
	i := 0
	for row, err := range r.Documents(nil) {
		if err != nil {
			return err
		}
		if rows != nil && (i >= len(rows) || !cmp.Equal(rows[i], row, sameBytes)) {
			return fmt.Errorf("%w: row %d:\n%s", errWrong, i, cmp.Diff(rows[min(i, len(rows)-1)], row, sameBytes))
		}
		i++
	}
	if rows != nil && i != len(rows) {
		return fmt.Errorf("%w: %d rows, not %d", errWrong, i, len(rows))
	}
	for _, want := range rows {
		found, err := r.Find(segment.Wanted{Job: want.Job})
		if err != nil {
			return err
		}
		if len(found) != 1 || found[0].Key != want.Key {
			return fmt.Errorf("%w: Find(%s) = %v", errWrong, want.Job, found)
		}
		if doc, err := r.Document(found[0]); err != nil || !bytes.Equal(doc, want.Document) {
			return fmt.Errorf("%w: Document(%s): %w", errWrong, want.Job, err)
		}
	}
	return readByNumber(r, rows)
}

// readByNumber is readAll for what is read by the rows' numbers.
func readByNumber(r *segment.Reader, rows []*segment.Row) error {
	for i, want := range rows {
		doc, err := r.At(int64(i), want.SHA256)
		if err != nil {
			return err
		}
		if !bytes.Equal(doc, want.Document) {
			return fmt.Errorf("%w: At(%d) = %.80s", errWrong, i, doc)
		}
		var out bytes.Buffer
		if err := r.Copy(&out, int64(i), want.SHA256); err != nil {
			return err
		}
		if !bytes.Equal(out.Bytes(), want.Document) {
			return fmt.Errorf("%w: Copy(%d) = %.80s", errWrong, i, out.Bytes())
		}
		change, err := r.Change(int64(i))
		if err != nil {
			return err
		}
		if !bytes.Equal(change, want.Change) {
			return fmt.Errorf("%w: Change(%d) = %.80s", errWrong, i, change)
		}
	}
	return nil
}

var errWrong = errors.New("wrong rows")

// small is a segment of few kB in which every column has something.
func small(t testing.TB) ([]byte, []*segment.Row) {
	t.Helper()
	rows := jobs(t, 6, 300, 8)
	for i, r := range rows {
		if i%2 == 1 {
			r.Adapters = []string{"http", "salesforce", "jira"}[:i%3+1]
		}
		r.Error, r.ErrorType = strings.Repeat("e", i), "X"
		r.Metadata, r.Change, r.Changed, r.Overflow = map[string]string{"a": "b"}, []byte("{}"), "capped", i%2 == 0
	}
	rows[1].Lines, rows[1].Metadata, rows[1].Change = -1, nil, nil
	file, _ := write(t, rows)
	if err := readAll(file, rows); err != nil {
		t.Fatal(err)
	}
	return file, rows
}

// A file that ends anywhere is damaged, and one that says it is longer too.
func TestTruncated(t *testing.T) {
	file, _ := small(t)
	for n := range len(file) {
		if err := readAll(file[:n], nil); !errors.Is(err, segment.ErrDamaged) {
			t.Fatalf("of %d bytes the first %d: %v, want %v", len(file), n, err, segment.ErrDamaged)
		}
		if _, err := segment.Open(bytes.NewReader(file[:n]), int64(len(file))); !errors.Is(err, segment.ErrDamaged) {
			t.Fatalf("of %d bytes, said to be there, the first %d: %v, want %v", len(file), n, err, segment.ErrDamaged)
		}
	}
	if _, err := segment.Open(bytes.NewReader(file), int64(len(file))+1); !errors.Is(err, segment.ErrDamaged) {
		t.Errorf("said to be a byte longer: %v", err)
	}
	large, _ := write(t, jobs(t, 3000, 8000, 9))
	rng := rand.New(rand.NewPCG(9, 0))
	for range 100 {
		n := rng.IntN(len(large))
		if err := readAll(large[:n], nil); !errors.Is(err, segment.ErrDamaged) {
			t.Fatalf("of %d bytes the first %d: %v, want %v", len(large), n, err, segment.ErrDamaged)
		}
	}
}

// A flipped bit, wherever it is, is an error or changes nothing that is read:
// never another row, a row less or a job that isn't found.
func TestFlippedBits(t *testing.T) {
	file, rows := small(t)
	harmless := 0
	for i := range file {
		for _, bit := range []int{i * 5 % 8, (i*5 + 3) % 8} {
			flipped := bytes.Clone(file)
			flipped[i] ^= 1 << bit
			switch err := readAll(flipped, rows); {
			case err == nil:
				harmless++
			case errors.Is(err, errWrong):
				t.Fatalf("bit %d of byte %d of %d: %v", bit, i, len(file), err)
			default:
				wantDamaged(t, err)
			}
		}
	}
	// The file's first four bytes, and what pages say to other readers.
	t.Logf("%d of %d flips changed nothing", harmless, 2*len(file))
	if harmless > 2*len(file)/20 {
		t.Errorf("%d of %d flips were not noticed", harmless, 2*len(file))
	}
}

// Any bytes whatever give an error or rows whose documents are what they say,
// within memory of some times their size.
func FuzzReader(f *testing.F) {
	file, _ := small(f)
	f.Add(file, 0, []byte(nil))
	f.Add(file, len(file)-40, []byte{0xff, 0xff, 0xff, 0xff})
	f.Add([]byte("PAR1\x15\x00\x00\x00\x00\x00PAR1"), 0, []byte(nil))
	f.Fuzz(func(t *testing.T, b []byte, at int, patch []byte) {
		if at >= 0 && at <= len(b) {
			b = bytes.Clone(b)
			copy(b[at:], patch)
		}
		for _, b := range [][]byte{b, segment.Reseal(b)} {
			r, err := segment.Open(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				wantDamaged(t, err)
				continue
			}
			for i := range min(r.Len(), 100) {
				if _, err := r.At(i, [32]byte{}); err == nil {
					t.Fatalf("At(%d) has a SHA-256 of zeros", i)
				} else {
					wantDamaged(t, err)
				}
				if err := r.Copy(io.Discard, i, [32]byte{}); err == nil {
					t.Fatalf("Copy(%d) has a SHA-256 of zeros", i)
				} else {
					wantDamaged(t, err)
				}
				if _, err := r.Change(i); err != nil {
					wantDamaged(t, err)
				}
			}
			n := 0
			for row, err := range r.Documents(nil) {
				if err != nil {
					wantDamaged(t, err)
					break
				}
				if n++; int64(n) > r.Len() || int64(len(row.Document)) != row.Size {
					t.Fatalf("row %d of %d has %d bytes, not %d", n, r.Len(), len(row.Document), row.Size)
				}
				found, err := r.Find(segment.Wanted{Job: row.Job})
				if err != nil {
					wantDamaged(t, err)
				}
				for _, f := range found {
					if doc, err := r.Document(f); err == nil && int64(len(doc)) != f.Size {
						t.Fatalf("Document(%s) has %d bytes, not %d", f.Job, len(doc), f.Size)
					}
				}
			}
		}
	})
}

func wantDamaged(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, segment.ErrDamaged) && !errors.Is(err, segment.ErrVersion) || strings.Contains(err.Error(), "panicked") {
		t.Fatalf("%v, want %v", err, segment.ErrDamaged)
	}
}

// FuzzPage: what a page holds is read or refused, whatever it is.
func FuzzPage(f *testing.F) {
	for col := range 23 {
		f.Add([]byte("\x02\x00\x00\x00\x04\x01\x03\x00\x00\x00abc\x00\x00\x00\x00"), col, int64(2), int64(2))
		f.Add([]byte("\x02\x00\x00\x00\x03\x02\x02\x00\x00\x00\x03\x03\x01\x00\x00\x00a\x01\x00\x00\x00b"), col, int64(2), int64(1))
		f.Add(bytes.Repeat([]byte{1}, 64), col, int64(2), int64(2))
	}
	f.Fuzz(func(t *testing.T, plain []byte, col int, n, rows int64) {
		if col < 0 || rows < 1 || rows > 1<<18 || n < 0 {
			return
		}
		segment.AddPage(plain, col, n, rows)
	})
}

// What a tiny file claims is not allocated.
func TestClaimsCostNothing(t *testing.T) {
	file, rows := small(t)
	rng := rand.New(rand.NewPCG(10, 0))
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x07, 0xfe, 0x0f}
	var before, after runtime.MemStats
	for range 1000 {
		b := bytes.Clone(file)
		for range 1 + rng.IntN(2) { // a varint or a length becomes as large as it can be
			at := rng.IntN(len(b) - 16)
			copy(b[at:], huge[:1+rng.IntN(len(huge))])
		}
		runtime.ReadMemStats(&before)
		for _, b := range [][]byte{b, segment.Reseal(b)} {
			if err := readAll(b, nil); err != nil {
				wantDamaged(t, err)
			}
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
			t.Fatalf("a file of %d bytes with %d rows took %d bytes", len(file), len(rows), took)
		}
	}
}

// A page that inflates to more than it says, or says more than it may, is
// refused before there is room for it.
func TestBombs(t *testing.T) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	bomb := z.EncodeAll(make([]byte, 50_000_000), nil)
	var before, after runtime.MemStats
	for _, c := range []struct {
		what                    string
		inflated, limit, allows int64
	}{
		{"more than it says", 1000, 60_000_000, 1_000_000},
		{"more than it may", 50_000_000, 1_000_000, 1_000_000},
		{"less than it says", 50_000_001, 60_000_000, 60_000_000},
		{"more than its bytes can hold", int64(len(bomb)+1) << 15, 1 << 40, 1_000_000},
		{"less than nothing", -1, 60_000_000, 1_000_000},
	} {
		if _, err := segment.Inflate(bomb, 1, 1); err == nil { // what is made once
			t.Fatal("a page of one byte: no error")
		}
		runtime.ReadMemStats(&before)
		plain, err := segment.Inflate(bomb, c.inflated, c.limit)
		runtime.ReadMemStats(&after)
		if took := int64(after.TotalAlloc - before.TotalAlloc); !errors.Is(err, segment.ErrDamaged) || took > c.allows+2_000_000 {
			t.Errorf("%s: %d bytes, %v, in %d bytes of memory; want %v in %d", c.what, len(plain), err, took, segment.ErrDamaged, c.allows)
		}
	}
	if plain, err := segment.Inflate(bomb, 50_000_000, 60_000_000); err != nil || len(plain) != 50_000_000 {
		t.Errorf("what is right: %d bytes, %v", len(plain), err)
	}
}

// A document that isn't of its row's hash is damaged, though every checksum of
// the file is right.
func TestDocumentIsVerified(t *testing.T) {
	for what, change := range map[string]func(*segment.Row){
		"other bytes": func(r *segment.Row) { r.Document = []byte("[]") },
		"more bytes":  func(r *segment.Row) { r.Document = append(bytes.Clone(r.Document), ' ') },
		"other size":  func(r *segment.Row) { r.Size++ },
	} {
		var b bytes.Buffer
		w := segment.NewWriter(&b)
		r := job(t, "1", "j", noon, []byte("{}"))
		change(r)
		if err := w.WriteUnchecked(r); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
		s := open(t, b.Bytes())
		for row, err := range s.Documents(nil) {
			if !errors.Is(err, segment.ErrDamaged) {
				t.Errorf("%s: Documents() = %+v, %v", what, row, err)
			}
		}
		found, err := s.Find(segment.Wanted{Job: "j"})
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		if doc, err := s.Document(found[0]); !errors.Is(err, segment.ErrDamaged) || doc != nil {
			t.Errorf("%s: Document() = %s, %v", what, doc, err)
		}
	}
}

// Rows that aren't in order were not written by us.
func TestOrderIsVerified(t *testing.T) {
	var b bytes.Buffer
	w := segment.NewWriter(&b)
	for _, id := range []string{"b", "a"} {
		if err := w.WriteUnchecked(job(t, "1", id, noon, []byte("{}"))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := readAll(b.Bytes(), nil); !errors.Is(err, segment.ErrDamaged) {
		t.Errorf("rows out of order: %v, want %v", err, segment.ErrDamaged)
	}
}
