package segment_test

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/parquet-go/parquet-go"

	"logstow/layout/segment"
)

// A segment is opened by one read, a job is found by a second, and its document
// is read by a third. One that isn't there costs no more than the first.
func TestReadsToFind(t *testing.T) {
	rows := jobs(t, 6000, 8000, 4)
	file, _ := write(t, rows)
	src := &counted{ReaderAt: bytes.NewReader(file)}
	r, err := segment.Open(src, int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	wantReads := func(what string, want int64) {
		t.Helper()
		if got := src.reads.Swap(0); got > want {
			t.Errorf("%s: %d reads, want %d", what, got, want)
		}
	}
	wantReads("Open", 1)
	// Where a filter is wrong, a read more: once in some thousand filters.
	looked, more := int64(0), int64(0)
	for i := 0; i < len(rows); i += 59 {
		want := rows[i]
		for _, w := range []segment.Wanted{{Job: want.Job}, {Job: want.Job, Recipe: want.Recipe}} {
			found, err := r.Find(w)
			if err != nil || len(found) != 1 || found[0].Key != want.Key {
				t.Fatalf("Find(%+v) = %d rows, %v", w, len(found), err)
			}
			looked, more = looked+1, more+src.reads.Swap(0)-1
			doc, err := r.Document(found[0])
			if err != nil || !bytes.Equal(doc, want.Document) {
				t.Fatalf("Document(%s) = %.80s, %v", want.Job, doc, err)
			}
			wantReads("Document", 1)
		}
		for _, w := range []segment.Wanted{{Job: want.Job + "x"}, {Job: want.Job, Recipe: "99"}, {Job: want.Job, Recipe: want.Recipe + "0"}, {}} {
			if found, err := r.Find(w); err != nil || len(found) != 0 {
				t.Fatalf("Find(%+v) = %d rows, %v; want none", w, len(found), err)
			}
			more += src.reads.Swap(0)
			looked++
		}
	}
	t.Logf("%d reads of %d looks were in vain", more, looked)
	if more > looked/50 {
		t.Errorf("%d reads of %d looks were in vain, want one in fifty at most", more, looked)
	}
	if moved := src.bytes.Load() / looked; moved > 1_500_000 {
		t.Errorf("%d bytes moved a look", moved)
	}
}

// All versions of a job are found, in the order of the segment.
func TestFindRevisions(t *testing.T) {
	first, second := job(t, "1", "j", noon, []byte("{1}")), job(t, "1", "j", noon, []byte("{2}"))
	second.Key = "_logstow/revisions/" + second.Key + "/x.json"
	third, other := job(t, "2", "j", noon, []byte("{3}")), job(t, "2", "k", noon, []byte("{4}"))
	file, _ := write(t, []*segment.Row{first, second, third, other})
	r := open(t, file)
	for _, c := range []struct {
		want segment.Wanted
		rows []*segment.Row
	}{
		{segment.Wanted{Job: "j"}, []*segment.Row{first, second, third}},
		{segment.Wanted{Job: "j", Recipe: "2"}, []*segment.Row{third}},
		{segment.Wanted{Job: "k", Recipe: "1"}, nil},
	} {
		found, err := r.Find(c.want)
		if err != nil {
			t.Fatal(err)
		}
		var got []*segment.Row
		for _, f := range found {
			if f.Document, err = r.Document(f); err != nil {
				t.Fatal(err)
			}
			got = append(got, &f.Row)
		}
		wantRows(t, "Find", got, c.rows)
	}
	if _, err := r.Document(segment.Found{}); err == nil {
		t.Error("Document() of a row that wasn't found here: no error")
	}
}

// A reader may be used from several goroutines.
func TestConcurrentReads(t *testing.T) {
	rows := jobs(t, 300, 8000, 14)
	file, _ := write(t, rows)
	r := open(t, file)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			if i == 0 {
				n := 0
				for row, err := range r.Documents(nil) {
					if err != nil || row.Key != rows[n].Key {
						t.Errorf("Documents(): row %d is %v, %v", n, row, err)
						return
					}
					n++
				}
				return
			}
			for j := i; j < len(rows); j += 20 {
				found, err := r.Find(segment.Wanted{Job: rows[j].Job})
				if err != nil || len(found) != 1 {
					t.Errorf("Find(%s) = %d rows, %v", rows[j].Job, len(found), err)
					continue
				}
				if doc, err := r.Document(found[0]); err != nil || !bytes.Equal(doc, rows[j].Document) {
					t.Errorf("Document(%s): %v", rows[j].Job, err)
				}
			}
		})
	}
	wg.Wait()
}

// What isn't a segment is said to be none, and not to be damaged.
func TestOtherFiles(t *testing.T) {
	var b bytes.Buffer
	if err := parquet.Write(&b, []struct{ A int }{{1}, {2}}); err != nil {
		t.Fatal(err)
	}
	if _, err := segment.Open(bytes.NewReader(b.Bytes()), int64(b.Len())); !errors.Is(err, segment.ErrVersion) {
		t.Errorf("another Parquet file: %v, want %v", err, segment.ErrVersion)
	}
	file, _ := small(t)
	later := bytes.Replace(file, []byte("logstow.segment\x18\x011"), []byte("logstow.segment\x18\x012"), 1)
	if _, err := segment.Open(bytes.NewReader(later), int64(len(later))); bytes.Equal(later, file) || !errors.Is(err, segment.ErrVersion) {
		t.Errorf("a later version: %v, want %v", err, segment.ErrVersion)
	}
}

// What a store can't read is the store's error, and not damage.
func TestStoreFails(t *testing.T) {
	file, _ := write(t, jobs(t, 3000, 8000, 5))
	for fails := int64(1); ; fails++ {
		src := &failing{counted{ReaderAt: bytes.NewReader(file)}, fails}
		r, err := segment.Open(src, int64(len(file)))
		for e := range documents(r, err) {
			err = e
		}
		if src.reads.Load() < fails {
			if err != nil || fails < 4 {
				t.Errorf("after %d reads: %v", fails, err)
			}
			return
		}
		if !errors.Is(err, os.ErrPermission) || errors.Is(err, segment.ErrDamaged) {
			t.Errorf("when read %d fails: %v, want %v", fails, err, os.ErrPermission)
		}
	}
}

// documents yields the error that reading all of r has, if any.
func documents(r *segment.Reader, opened error) func(func(error) bool) {
	return func(yield func(error) bool) {
		if opened != nil {
			yield(opened)
			return
		}
		for _, err := range r.Documents(nil) {
			if err != nil {
				yield(err)
			}
		}
	}
}

// failing fails one read.
type failing struct {
	counted
	at int64
}

func (f *failing) ReadAt(p []byte, off int64) (int, error) {
	if f.reads.Load()+1 == f.at {
		f.reads.Add(1)
		return 0, os.ErrPermission
	}
	return f.counted.ReadAt(p, off)
}
