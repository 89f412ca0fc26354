package filesource_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"logstow/archive"
	"logstow/archive/source/filesource"
	"logstow/layout/jobfile"
)

// BenchmarkRead reads one file of large or of small records, as it is and
// compressed. With -cpu 1,2 it shows what a record costs, and what of it a
// second core takes over.
func BenchmarkRead(b *testing.B) {
	for _, size := range []int{8200, 300} {
		text := manyRecords(32<<20, size)
		packings := map[string]func() []byte{"plain": func() []byte { return []byte(text) }}
		for name, p := range packers(b) {
			packings[name] = func() []byte {
				packed, _ := p.pack(b, text, nil)
				return packed
			}
		}
		for _, name := range []string{"plain", "gzip", "zstd"} {
			b.Run(fmt.Sprintf("%dB/%s", size, name), func(b *testing.B) {
				path := filepath.Join(b.TempDir(), "f")
				write(b, path, string(packings[name]()), 0)
				b.SetBytes(int64(len(text)))
				readTimes(b, path)
			})
		}
	}
}

// readTimes reads a file over and over, with as many records held at once as
// in a run of the archive.
func readTimes(b *testing.B, path string) {
	b.Helper()
	reader, err := jobfile.NewReader(jobfile.Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		s, err := filesource.New(filesource.Config{Path: path, Reader: reader, Budget: archive.NewBudget(archive.DefaultBudget)})
		if err != nil {
			b.Fatal(err)
		}
		var held [500]func()
		for rec, err := range s.Records(b.Context(), nil) {
			if err != nil || rec.Broken != nil || rec.Err != nil {
				b.Fatalf("%v, %+v", err, rec)
			}
			if release := held[n%len(held)]; release != nil {
				release()
			}
			held[n%len(held)] = rec.Release
			n++
		}
		for _, release := range held {
			if release != nil {
				release()
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/record")
}

// manyRecords is a text of at least n bytes of records of about that size. As
// in a platform's logs, names repeat and values don't.
func manyRecords(n, size int) string {
	r := rand.New(rand.NewPCG(1, 2))
	var all, rec bytes.Buffer
	for i := 0; all.Len() < n; i++ {
		rec.Reset()
		fmt.Fprintf(&rec, `{"id":"j-%09d","master_job_id":"j-1","recipe_id":%d,"account_id":34778,"status":"succeeded","started_at":"2026-01-02T03:04:05Z","lines":[`, i, r.IntN(999))
		for line := 1; ; line++ {
			fmt.Fprintf(&rec, `{"recipe_line_number":%d,"adapter_name":"salesforce","input":{"name":"%x","ok":true},"output":{"id":%d,"text":"%x %s"}}`,
				line, r.Uint64(), r.Uint32(), r.Uint64(), strings.Repeat("lorem ", min(40, size/100)))
			if rec.Len() >= size-size/8 {
				break
			}
			rec.WriteByte(',')
		}
		rec.WriteString("]}\n")
		all.Write(rec.Bytes())
	}
	return all.String()
}
