package segment_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"logstow/layout/segment"
)

func newPages(t testing.TB) *segment.Pages {
	t.Helper()
	p, err := segment.NewPages()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A row is read by its number in one read, whichever row group and page it is in.
func TestReadsByNumber(t *testing.T) {
	rows := jobs(t, 6000, 8000, 21)
	for i, r := range rows {
		if i%7 == 0 {
			r.Change, r.Changed = []byte(`{"of":"`+r.Job+`"}`), "capped"
		}
	}
	file, _ := write(t, rows)
	src := &counted{ReaderAt: bytes.NewReader(file)}
	r, err := segment.Open(src, int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(rows); i += 7 {
		if found, err := r.Find(segment.Wanted{Job: rows[i].Job}); i%70 == 0 && (err != nil || len(found) != 1 || found[0].Number != int64(i)) {
			t.Fatalf("Find(%s) = %+v, %v, want row %d", rows[i].Job, found, err, i)
		}
		for _, want := range []struct {
			what string
			read func() ([]byte, error)
			is   []byte
		}{
			{"At", func() ([]byte, error) { return r.At(int64(i), rows[i].SHA256) }, rows[i].Document},
			{"Change", func() ([]byte, error) { return r.Change(int64(i)) }, rows[i].Change},
		} {
			src.reads.Store(0)
			if got, err := want.read(); err != nil || !bytes.Equal(got, want.is) || src.reads.Load() > 1 {
				t.Fatalf("%s(%d) = %.80s, %v in %d reads, want %.80s in one", want.what, i, got, err, src.reads.Load(), want.is)
			}
		}
	}
	if got, err := r.Change(1); err != nil || len(got) != 0 {
		t.Errorf("Change() of a row without = %s, %v", got, err)
	}
	for _, row := range []int64{-1, r.Len(), 1 << 60} {
		if _, err := r.At(row, rows[0].SHA256); !errors.Is(err, segment.ErrDamaged) {
			t.Errorf("At(%d) of %d rows: %v", row, r.Len(), err)
		}
		if _, err := r.Change(row); !errors.Is(err, segment.ErrDamaged) {
			t.Errorf("Change(%d) of %d rows: %v", row, r.Len(), err)
		}
	}
	if _, err := r.At(0, rows[1].SHA256); !errors.Is(err, segment.ErrDamaged) {
		t.Errorf("At() of another row's hash: %v", err)
	}
}

// Documents in the order of time lie in the pages of many recipes by turns; each
// page is read once all the same, by whoever wants it.
func TestPagesAreReadOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(22, 0))
	var rows []*segment.Row
	for i := range 6000 {
		id := fmt.Sprintf("j-%d", i)
		at := noon.Add(time.Duration(rng.IntN(1_000_000)) * time.Second)
		rows = append(rows, job(t, fmt.Sprint(100+i%40), id, at, text(rng, id, 8000)))
	}
	slices.SortFunc(rows, (*segment.Row).Compare)
	file, _ := write(t, rows)
	src := &counted{ReaderAt: bytes.NewReader(file)}
	r, err := segment.Open(src, int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	order := byTime(rows)
	pages := newPages(t)
	src.reads.Store(0)
	src.bytes.Store(0)
	var wg sync.WaitGroup
	next := make(chan int)
	for range 16 {
		wg.Go(func() {
			for i := range next {
				doc, err := pages.At(t.Context(), r.From(src), int64(i), rows[i].SHA256)
				if err != nil || !bytes.Equal(doc, rows[i].Document) {
					t.Errorf("At(%d) = %.80s, %v", i, doc, err)
				}
			}
		})
	}
	for _, i := range order {
		next <- i
	}
	close(next)
	wg.Wait()
	if got := src.bytes.Load(); got > int64(len(file)) {
		t.Errorf("%d bytes in %d reads, of a file of %d", got, src.reads.Load(), len(file))
	}
	t.Logf("%d reads of %d documents", src.reads.Load(), len(rows))
}

func byTime(rows []*segment.Row) []int {
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return rows[a].Time.Compare(rows[b].Time) })
	return order
}

// What is kept is bounded, whatever is read, and right for each of many files.
func TestPagesAreBounded(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 0))
	pages := newPages(t)
	for n := range 12 {
		rows := jobs(t, 1200, 8000, uint64(30+n))
		rows = append(rows, job(t, "999", "large", noon, text(rng, "large", 5_000_000)))
		file, _ := write(t, rows)
		r := open(t, file)
		for i := range rows {
			if doc, err := pages.At(t.Context(), r, int64(i), rows[i].SHA256); err != nil || !bytes.Equal(doc, rows[i].Document) {
				t.Fatalf("At(%d) = %.80s, %v", i, doc, err)
			}
		}
		number, inflated, deflated := pages.Kept()
		if number > 16 || inflated > 16<<20 || deflated > 32<<20 || number == 0 {
			t.Fatalf("after %d segments %d pages are kept, %d bytes and %d deflated", n+1, number, inflated, deflated)
		}
	}
}

// slow is read when the test says so.
type slow struct {
	io.ReaderAt
	began, goOn chan struct{}
	err         error
}

func (s *slow) ReadAt(p []byte, off int64) (int, error) {
	s.began <- struct{}{}
	<-s.goOn
	if s.err != nil {
		return 0, s.err
	}
	return s.ReaderAt.ReadAt(p, off)
}

// Who waits for a page that another reads is not held by a context that has
// ended, and has the page where the other fails.
func TestPagesWait(t *testing.T) {
	rows := jobs(t, 600, 8000, 24)
	file, _ := write(t, rows)
	r := open(t, file)
	pages := newPages(t)
	first := &slow{bytes.NewReader(file), make(chan struct{}), make(chan struct{}), os.ErrPermission}
	failed, second := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := pages.At(t.Context(), r.From(first), 0, rows[0].SHA256)
		failed <- err
	}()
	<-first.began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := pages.At(ctx, r, 0, rows[0].SHA256); !errors.Is(err, context.Canceled) {
		t.Errorf("At() with an ended context, of a page that is being read: %v", err)
	}
	go func() {
		_, err := pages.At(t.Context(), r, 0, rows[0].SHA256)
		second <- err
	}()
	close(first.goOn)
	if err := <-failed; !errors.Is(err, os.ErrPermission) || errors.Is(err, segment.ErrDamaged) {
		t.Errorf("At() of a store that fails: %v", err)
	}
	if err := <-second; err != nil {
		t.Errorf("At() after another's read failed: %v", err)
	}
}
