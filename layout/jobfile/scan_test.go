package jobfile_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"logstow/layout/jobfile"
	"logstow/layout/jsonskip"
)

// scanners read records in all the ways that a configuration may ask for.
func scanners(t testing.TB) []*jobfile.Reader {
	var all []*jobfile.Reader
	for _, c := range []jobfile.Config{
		{},
		{User: "u", NoHash: true},
		{Fields: &jobfile.Fields{
			UserID: "context.user_id", RecipeID: "recipe_id", JobID: "id", Status: "context", StartedAt: "started_at",
			CompletedAt: "completed_at", Title: "lines.x", Error: "..", Lines: "report",
		}},
		{User: "u", Fields: &jobfile.Fields{RecipeID: "event", JobID: "context.a.b.c", StartedAt: "timestamp", Title: strings.Repeat("x", 511), Lines: "lines"}},
	} {
		all = append(all, newReader(t, c))
	}
	return all
}

// agree wants Scan and Hash to say of what b begins with what a walk through a
// window says, and jsonskip of its end.
func agree(t testing.TB, readers []*jobfile.Reader, b []byte) {
	t.Helper()
	end, wrong := jsonskip.Value(b)
	for i, r := range readers {
		scanned := bytes.Clone(b)
		n, got, err := r.Scan(scanned)
		_, isOurs := errors.AsType[*jobfile.Error](err)
		switch {
		case wrong == io.ErrUnexpectedEOF, wrong == nil && bytes.TrimLeft(b, " \t\r\n")[0] != '{':
			if n != 0 || err != io.ErrUnexpectedEOF {
				t.Fatalf("reader %d: Scan(%.300q) = %d, %v, want 0, %v", i, b, n, err, io.ErrUnexpectedEOF)
			}
			continue
		case wrong != nil:
			if n != 0 || !isOurs || !strings.Contains(err.Error(), wrong.Error()) {
				t.Fatalf("reader %d: Scan(%.300q) = %d, %v, want 0, %v", i, b, n, err, wrong)
			}
			continue
		}
		m := jobfile.Memory(b[:end])
		want, wantErr := r.Read(slow{m}, int64(end))
		if err == nil {
			r.Hash(scanned[:n], &got)
		}
		clear(scanned)
		if n != end || (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			t.Fatalf("reader %d: Scan(%.300q) = %d, %v, want %d, %v", i, b, n, err, end, wantErr)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("reader %d: Scan(%.300q) says\n%+v, Read says\n%+v", i, b, got, want)
		}
		if got, err := r.Read(m, int64(end)); !reflect.DeepEqual(got, want) || err != nil && err.Error() != wantErr.Error() {
			t.Fatalf("reader %d: Read(%.300q) says\n%+v, %v, and through a window\n%+v, %v", i, b, got, err, want, wantErr)
		}
	}
}

// golden are the sample records.
func golden(t testing.TB) map[string][]byte {
	files, err := filepath.Glob(filepath.Join(records, "*", "*.json"))
	if err != nil || len(files) < 50 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		if all[file], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// around are texts in which a record, or the JSON string of one, may stand.
var around = []string{
	`%s`, " \t\r\n%s \n", `%s{`, `%s,`, `%s]`, `{"log":%s,"UserID":7}`, `{"UserID":"u","Log": %s }x`,
	`{"log_message":%q}`, `{"Log_Str":%q,"log":%s,"log_message":%q}`, `{"log":1,"log":%s,"log":%s}`,
	`{"log":null,"log_message": %q ,"log_message":%q}`, `[%s]`, `%q`, `{"context":{"a":%s,"b":[%s]},"lines":[%s,%s]}`,
}

// within returns record in one of them.
func within(pattern string, record []byte) []byte {
	quoted := strconv.Quote(string(record)) // near enough to JSON, and beside it
	return []byte(strings.ReplaceAll(strings.ReplaceAll(pattern, "%q", quoted), "%s", string(record)))
}

// near are records, and what is nearly one, that readers get wrong.
func near() []string {
	job := `"id":1,"recipe_id":2,"account_id":3,"started_at":4`
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	lines := strings.Repeat(`"lines":[],`, 101)
	long := strings.Repeat("x", 5000)
	return []string{
		``, ` `, `{`, `{}`, `{ }`, `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`, `{"a" :1 , "b": 2 }`, `[]`, `1`, `1 `, `"a"`, `tru`, `{"a":tru}`, `{"a":tr`,
		`{"a":"\u12`, `{"a":"\u12x4"}`, `{"a":-}`, `{"a":-`, `{"a":01}`, `{"a":1.}`, `{"a":1e}`, `{"a":1.5E+07,"b":-0}`, "{\"a\":\"\x01\"}", "{\"\xff\":\"\xff\"}",
		`{` + job + `}`, `{` + job + `,"lines":"a\nb"}`, `{` + job + `,"lines":"Log lines exceed size limit"}`, `{` + job + `,"lines":"a\\n\n\n"}`, `{` + job + `,"lines":{"x":[1]}}`,
		`{` + job + `,"lines":[1, [2] ,{"a":3}  ]}`, `{` + job + `,"lines":[ ]}`, `{` + job + `,"lines":[1,]}`, `{` + job + `,"lines":[1 2]}`, `{` + job + `,"lines":[1`,
		`{` + job + `,"id":2}`, `{` + job + `,"id":null}`, `{"id":"",` + job + `}`, `{` + job + `,"\u0069d":5}`, `{` + job + `,"context":{"user_id":1},"context":{"user_id":2}}`, `{` + job + `,"context":[{"user_id":1}]}`,
		`{` + job + `,"title":"` + long + `"}`, `{` + job + `,"title":"` + long[:4094] + `"}`, `{` + job + `,"title":"` + long[:4095] + `"}`, `{` + job + `,"title":"` + long[:4093] + `\u00e9\n"}`, `{` + job + `,"recipe_id":"` + long + `"}`,
		`{` + job + `,"` + long[:511] + `":1}`, `{"event":1,"timestamp":2,"context":{"a":{"b":{"c":3}}},"` + long[:511] + `":4,"` + long[:512] + `":5}`, `{` + job + `,"title":"\ud83d\ude00 \ud83d \"","error":{"a":"\xff"},"error_type":"` + "\xff" + `"}`, `{` + job + `,"flow_id":1.5,"recipe_id":null}`,
		`{` + lines + job + `}`, `{` + lines[:11*100] + job + `}`, `{` + lines + job, `{"a":` + deep(63) + `,` + job + `}`, `{"a":` + deep(64) + `,` + job + `}`, `{"a":` + deep(65) + `,` + job + `}`, `{"a":` + deep(9999) + `,` + job + `}`, `{"a":` + deep(10000) + `,` + job + `}`,
		`{"log":{` + job + `}}`, `{"log":{` + job + `},"Log":{` + job + `}}`, `{"log":{` + job + `},"log":{` + job + `}}`, `{"log":{"a":1},"log_message":"{"}`, `{"log_message":"  {` + strings.ReplaceAll(job, `"`, `\"`) + `}"}`,
		`{"log_message":"{\"id\":1,\"recipe_id\":\"\\uD83D\\uDE00\",\"account_id\":1,\"started_at\":1,\"lines\":[1]}"}`, `{"log_message":"{\ud83d"}`, `{"log":{` + job, `{"log":{` + job + `}`, `{"log"`, `{"log":`, `{"log": `, `{"Log_Str":"{`, `{"Log_Str":1x}`,
		`{"/UserID":1,"UserID":2,"log":{"id":1,"recipe_id":2,"started_at":4}}`, `{` + strings.Repeat(`"Log_Str":"{",`, 101) + job + `}`, `{"":{"":{"":1}},` + job + `,"report":[1]}`,
	}
}

func TestScanSaysWhatReadSays(t *testing.T) {
	readers := scanners(t)
	for _, s := range near() {
		for _, pattern := range around {
			agree(t, readers, within(pattern, []byte(s)))
		}
	}
	for _, record := range golden(t) {
		for _, pattern := range around {
			agree(t, readers, within(pattern, record))
		}
		for n := range record {
			agree(t, readers[:1], record[:n])
		}
	}
}

// TestScanOfMutatedRecords changes, removes and repeats bytes of the samples.
func TestScanOfMutatedRecords(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	readers := scanners(t)
	const bytes = "{}[]\",:\\ \n0e.-ntu\x00\xff"
	for _, record := range golden(t) {
		for range 20 {
			b := within(around[random.IntN(len(around))], record)
			for range 1 + random.IntN(3) {
				i, j := random.IntN(len(b)), random.IntN(len(b))
				switch random.IntN(4) {
				case 0:
					b[i] = bytes[random.IntN(len(bytes))]
				case 1:
					b = append(b[:i:i], b[i+1:]...)
				case 2:
					b = append(b[:i:i], b[j:]...)
				default:
					b = append(append(b[:i:i], bytes[random.IntN(len(bytes))]), b[i:]...)
				}
			}
			agree(t, readers, b)
		}
	}
}

// FuzzScan: Scan and Hash say what Read says, and take nothing that the
// tokenizer does not.
func FuzzScan(f *testing.F) {
	for _, record := range golden(f) {
		f.Add(record)
	}
	for _, s := range near() {
		if len(s) < 4<<10 {
			f.Add([]byte(s))
		}
	}
	readers := scanners(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		agree(t, readers, b)
		n, _, _ := readers[0].Scan(b)
		if n > 0 {
			if err := valid(b[:n]); err != nil {
				t.Fatalf("Scan took what is not JSON: %v", err)
			}
		}
	})
}

// TestScanAllocates: nothing for a line, and next to nothing for a record.
func TestScanAllocates(t *testing.T) {
	r := newReader(t, jobfile.Config{})
	record := []byte(many(1000)["workato"].record)
	allocs := testing.AllocsPerRun(100, func() {
		if _, _, err := r.Scan(record); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 20 {
		t.Errorf("Scan allocates %v times", allocs)
	}
}
