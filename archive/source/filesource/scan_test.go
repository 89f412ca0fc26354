package filesource_test

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/source"
	"logstow/archive/source/filesource"
	"logstow/layout/jobfile"
)

func scanner(t testing.TB) *jobfile.Reader {
	r, err := jobfile.NewReader(jobfile.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// scanned wants what a scanned record brings to be what reading it says.
func scanned(t testing.TB, r *jobfile.Reader, rec *source.Record) {
	t.Helper()
	if !rec.Scanned || rec.Broken != nil {
		if rec.Scanned {
			t.Fatalf("the broken bytes at %d of %s were scanned", rec.Offset, rec.Part)
		}
		return
	}
	want, wantErr := r.Read(rec.Data, rec.Size)
	info, err := rec.Info, rec.Err
	if err == nil {
		r.Hash(rec.Data.(jobfile.Memory), &info)
	}
	if !reflect.DeepEqual(info, want) || !reflect.DeepEqual(err, wantErr) {
		t.Fatalf("the record at %d of %s brings %+v, %v, and Read says %+v, %v", rec.Offset, rec.Part, info, err, want, wantErr)
	}
}

// job is a record that can be archived.
const job = `{"id":"j-7","recipe_id":1,"account_id":2,"completed_at":"2024-01-02T03:04:06Z","lines":[{},{"a":"]}"}]}`

// streams are texts in which records begin and end in all the ways known.
func streams() []string {
	var all []string
	for _, tt := range formats() {
		all = append(all, tt.in, strings.ReplaceAll(tt.in, a, job))
	}
	return append(all, lines(job, a, job), job, job[:50], lines(job, job[:50], job), "["+job+","+job+"]"+c, lines("[", "  "+job+",", "  "+job, "]"))
}

// TestReaderChangesNothing: with a reader and without the same pieces and
// cursors come, wherever a file ended at the first of two readings.
func TestReaderChangesNothing(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "x.log")
	at := time.Now().Add(-time.Duration(1+47*random.IntN(2)) * time.Hour)
	for _, text := range streams() {
		cut, spool := random.IntN(len(text)+1), 1+random.Int64N(200)
		var without outcome
		for _, r := range []*jobfile.Reader{nil, scanner(t)} {
			var both outcome
			for _, content := range []string{text[:cut], text} {
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Chtimes(path, at, at); err != nil {
					t.Fatal(err)
				}
				c := filesource.Config{Path: path, Reader: r, SpoolSize: spool, TempDir: t.TempDir()}
				out := read(t, c, both.cursors)
				both.records, both.errs, both.cursors = append(both.records, out.records...), append(both.errs, out.errs...), out.cursors
			}
			if r == nil {
				without = both
			} else if diff := cmp.Diff(without, both, cmp.AllowUnexported(outcome{})); diff != "" {
				t.Errorf("%q, cut at %d, with temporary files from %d bytes (-without reader +with):\n%s", text, cut, spool, diff)
			}
		}
	}
}

// TestRecordsComeScanned: whatever lies in memory as a whole when its beginning
// is seen.
func TestRecordsComeScanned(t *testing.T) {
	r := scanner(t)
	text := strings.Repeat(job+"\n"+a+"\n", 2000)
	s, err := filesource.New(filesource.Config{Path: "-", Stdin: strings.NewReader(text), Reader: r, Budget: newBudget(64 << 20)})
	if err != nil {
		t.Fatal(err)
	}
	records, did := 0, 0
	for rec, err := range s.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		scanned(t, r, rec)
		records++
		if rec.Scanned {
			did++
		}
		rec.Release()
	}
	if records != 4000 || did < 3900 {
		t.Errorf("%d of %d records came scanned, want nearly all of 4000", did, records)
	}
}

// FuzzReader: in any stream, cut in any pieces, a reader changes nothing, and
// records bring what reading them says.
func FuzzReader(f *testing.F) {
	for _, s := range streams() {
		f.Add([]byte(s), uint64(len(s)))
	}
	r := scanner(f)
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) {
		if len(in) > 1<<12 || magic(in) {
			return
		}
		text := string(in)
		without := read(t, filesource.Config{Path: "-", Stdin: strings.NewReader(text)}, nil)
		random := rand.New(rand.NewPCG(seed, 1))
		for _, src := range []io.Reader{strings.NewReader(text), chunks{strings.NewReader(text), 1 + random.IntN(200)}} {
			c := filesource.Config{Path: "-", Stdin: src, Reader: r, SpoolSize: 1 + random.Int64N(int64(2*len(text))+1)}
			if diff := cmp.Diff(without.records, read(t, c, nil).records); diff != "" {
				t.Fatalf("%q (-without reader +with):\n%s", text, diff)
			}
		}
	})
}
