package filesource_test

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"logstow/archive/source/filesource"
)

// longString is a stream of one record with one string of n bytes, and then a
// short record. It calls sample now and then.
type longString struct {
	n, at  int64
	head   *strings.Reader
	tail   *strings.Reader
	sample func()
}

func newLongString(n int64, sample func()) *longString {
	return &longString{n: n, head: strings.NewReader(`{"s":"`), tail: strings.NewReader("\"}\n{\"id\":2}\n"), sample: sample}
}

func (l *longString) Read(p []byte) (int, error) {
	if l.head.Len() > 0 {
		return l.head.Read(p)
	}
	if l.at == l.n {
		return l.tail.Read(p)
	}
	n := min(int64(len(p)), l.n-l.at)
	for i := range p[:n] {
		p[i] = 'x'
	}
	if l.at>>24 != (l.at+n)>>24 {
		l.sample()
	}
	l.at += n
	return int(n), nil
}

// TestLargeRecord reads one string of 300 MB with a heap that stays small, and
// in spite of a budget of a few bytes.
func TestLargeRecord(t *testing.T) {
	const size, bound = 300 << 20, 48 << 20
	var most uint64
	sample := func() {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapInuse)
	}
	s, err := filesource.New(filesource.Config{Path: "-", Stdin: newLongString(size, sample), Budget: newBudget(10), TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var sizes []int64
	for rec, err := range s.Records(t.Context(), nil) {
		if err != nil || rec.Broken != nil {
			t.Fatalf("Records: %v, %+v", err, rec)
		}
		sizes = append(sizes, rec.Size)
		sample()
		end := make([]byte, 4)
		if _, err := rec.Data.ReadAt(end, rec.Size-4); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		if rec.Size > 100 && string(end) != `xx"}` {
			t.Errorf("the large record ends in %q", end)
		}
		rec.Release()
	}
	if fmt.Sprint(sizes) != fmt.Sprint([]int64{size + 8, 8}) {
		t.Errorf("sizes %v, want %v", sizes, []int64{size + 8, 8})
	}
	if most > bound {
		t.Errorf("%d bytes of heap in use, want at most %d", most, bound)
	}
}

// TestBudget has a consumer that holds records for as long as it can.
func TestBudget(t *testing.T) {
	const limit = 10_000
	var in bytes.Buffer
	for i := range 500 {
		fmt.Fprintf(&in, "{\"i\":%d,\"s\":\"%s\"}\n", i, strings.Repeat("y", i*41%5000))
		if i == 250 {
			fmt.Fprintf(&in, "{\"large\":\"%s\"}\n", strings.Repeat("z", 3*limit))
		}
	}
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, in.String(), 0)
	b := newBudget(limit)
	s, err := filesource.New(filesource.Config{Path: path, Budget: b})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	releases := make(chan func(), 1000)
	go func() {
		for release := range releases {
			release()
		}
	}()
	for rec, err := range s.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		releases <- rec.Release
	}
	close(releases)
	if n != 501 {
		t.Errorf("%d records, want 501", n)
	}
	if b.most < limit/2 || b.most > 4*limit {
		t.Errorf("at most %d bytes held, want about the limit of %d, or the one large record alone", b.most, limit)
	}
}

func BenchmarkNDJSON(b *testing.B) {
	var rec bytes.Buffer
	fmt.Fprintf(&rec, `{"id":"j-%d","recipe_id":%d,"status":"succeeded","lines":[`, 12345, 678)
	for i := range 17 {
		if i > 0 {
			rec.WriteByte(',')
		}
		fmt.Fprintf(&rec, `{"recipe_line_number":%d,"adapter_name":"%s","input":{"name":"%s","n":%d,"ok":true},"output":{"list":[%d,null],"text":"%s \"q\" %s"}}`,
			i, "salesforce", strings.Repeat("ab cd ", 20), i*i, i, strings.Repeat("efgh", 25), strings.Repeat("ijkl", 30))
	}
	rec.WriteString("]}\n")
	path := filepath.Join(b.TempDir(), "f")
	content := strings.Repeat(rec.String(), (64<<20)/rec.Len())
	write(b, path, content, 0)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		s, err := filesource.New(filesource.Config{Path: path, Budget: newBudget(64 << 20)})
		if err != nil {
			b.Fatal(err)
		}
		for rec, err := range s.Records(b.Context(), nil) {
			if err != nil || rec.Broken != nil {
				b.Fatal(err)
			}
			n++
			rec.Release()
		}
	}
	b.ReportMetric(float64(n)/float64(b.N), "records/op")
	b.ReportMetric(float64(rec.Len()), "B/record")
}
