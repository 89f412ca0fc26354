package filesource_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"logstow/archive/source"
	"logstow/archive/source/filesource"
)

// budget counts what is acquired. It fails a test that goes beyond its limit
// unless one record alone does.
type budget struct {
	limit int64

	mu   sync.Mutex // guards what follows
	held int64
	most int64
	free chan struct{}
}

func newBudget(limit int64) *budget { return &budget{limit: limit, free: make(chan struct{})} }

func (b *budget) Acquire(ctx context.Context, n int64) error {
	for {
		b.mu.Lock()
		if b.held+n <= b.limit || b.held == 0 {
			b.held += n
			b.most = max(b.most, b.held)
			b.mu.Unlock()
			return nil
		}
		free := b.free
		b.mu.Unlock()
		select {
		case <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (b *budget) Release(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= n
	close(b.free)
	b.free = make(chan struct{})
}

// got is a record as a test sees it.
type got struct {
	Part   string
	Offset int64
	Data   string
	Broken string // "" for a record
}

// outcome is what one call of Records yielded.
type outcome struct {
	records []got
	cursors map[string]string // those given, and then those yielded
	errs    []string
}

func (o outcome) data() (good, broken []string) {
	for _, r := range o.records {
		if r.Broken == "" {
			good = append(good, r.Data)
		} else {
			broken = append(broken, r.Data)
		}
	}
	return good, broken
}

func read(t testing.TB, c filesource.Config, cursors map[string]string) outcome {
	t.Helper()
	if c.Budget == nil {
		b := newBudget(64 << 20)
		c.Budget = b
		defer func() {
			if b.held != 0 {
				t.Errorf("%d bytes of the budget are still held", b.held)
			}
		}()
	}
	s, err := filesource.New(c)
	if err != nil {
		t.Fatalf("New(%s): %v", c.Path, err)
	}
	if c.Reader == nil {
		return collect(t, s, cursors)
	}
	return collect(t, checked{s, func(rec *source.Record) { scanned(t, c.Reader, rec) }}, cursors)
}

// checked is a source whose records are looked at on their way.
type checked struct {
	source.Source
	look func(*source.Record)
}

func (c checked) Records(ctx context.Context, cursors map[string]string) iter.Seq2[*source.Record, error] {
	return func(yield func(*source.Record, error) bool) {
		for rec, err := range c.Source.Records(ctx, cursors) {
			if rec != nil {
				c.look(rec)
			}
			if !yield(rec, err) {
				return
			}
		}
	}
}

func collect(t testing.TB, s source.Source, cursors map[string]string) outcome {
	t.Helper()
	out := outcome{cursors: map[string]string{}}
	for p, v := range cursors {
		out.cursors[p] = v
	}
	lastHasCursor := map[string]bool{}
	for rec, err := range s.Records(t.Context(), cursors) {
		if err != nil {
			out.errs = append(out.errs, err.Error())
			continue
		}
		if rec.Cursor != nil {
			out.cursors[rec.Cursor.Part] = rec.Cursor.Value
			if rec.Cursor.Value == "" {
				delete(out.cursors, rec.Cursor.Part)
			}
		}
		lastHasCursor[rec.Part] = rec.Cursor != nil
		if rec.Data != nil {
			out.records = append(out.records, toGot(t, rec))
		}
		rec.Release()
	}
	for part, has := range lastHasCursor {
		if info, err := os.Stat(part); !has && err == nil && info.Mode().IsRegular() {
			t.Errorf("the last record of %s has no cursor", part)
		}
	}
	return out
}

func toGot(t testing.TB, rec *source.Record) got {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(rec.Data, 0, rec.Size))
	if err != nil || int64(len(b)) != rec.Size {
		t.Fatalf("read record at %d of %s: %d of %d bytes, %v", rec.Offset, rec.Part, len(b), rec.Size, err)
	}
	g := got{Part: rec.Part, Offset: rec.Offset, Data: string(b)}
	if rec.Broken != nil {
		g.Broken = fmt.Sprintf("%s at %d", rec.Broken.Reason, rec.Broken.Offset)
	}
	return g
}

// write writes a file whose last change was age ago.
func write(t testing.TB, path, content string, age time.Duration) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-age)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

// compressions are ways of storing a text. Those with "2" divide it between
// two members.
func compressions() map[string]func(string) string {
	gz := func(s string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = io.WriteString(w, s)
		_ = w.Close()
		return b.String()
	}
	zs := func(s string) string {
		var b bytes.Buffer
		w, _ := zstd.NewWriter(&b)
		_, _ = io.WriteString(w, s)
		_ = w.Close()
		return b.String()
	}
	return map[string]func(string) string{
		"plain": func(s string) string { return s },
		"gzip":  gz,
		"zstd":  zs,
		"gzip2": func(s string) string { return gz(s[:len(s)/2]) + gz(s[len(s)/2:]) },
		"zstd2": func(s string) string { return zs(s[:len(s)/2]) + zs(s[len(s)/2:]) },
		"zstds": func(s string) string { return "\x50\x2a\x4d\x18\x03\x00\x00\x00abc" + zs(s) },
	}
}

// chunks reads at most n bytes at a time.
type chunks struct {
	r io.Reader
	n int
}

func (c chunks) Read(p []byte) (int, error) { return c.r.Read(p[:min(len(p), c.n)]) }

func lines(ss ...string) string { return strings.Join(ss, "\n") + "\n" }
