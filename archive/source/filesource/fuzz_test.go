package filesource_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"logstow/archive/source/filesource"
)

// FuzzFramer checks that nothing of any stream is lost: what is yielded, in
// order, and white space and array punctuation between make the stream again;
// that what is yielded as a record is an object; and that temporary files and
// the sizes of reads make no difference.
func FuzzFramer(f *testing.F) {
	for _, tt := range formats() {
		f.Add([]byte(tt.in), uint64(len(tt.in)))
	}
	for _, s := range []string{
		"[", "[ ", "[{", "[{},", "{\"a\":[\n{\"a\":[\n{\"a\":[\n{}", "{\n{\n{\n{\n", "{}\n{\"a\":\n{}\n{}\n", "[\n {},\n {\n {},\n {}}\n]", "[[{}]]",
		"{}\n,\n{}", "]", "\xef\xbb", "\x00{", "[{}] x\n{}", "[{}\n,x\n {}]", "\"\n{}", "-\n{}\n1", "tru", "{} 1 2\n{}", strings.Repeat("[\n{\"a\":\n", 50),
	} {
		f.Add([]byte(s), uint64(len(s)))
	}
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) {
		if len(in) > 1<<12 || magic(in) {
			return
		}
		text := string(in)
		whole := read(t, filesource.Config{Path: "-", Stdin: strings.NewReader(text)}, nil)
		reassemble(t, text, whole)
		r := rand.New(rand.NewPCG(seed, 1))
		small := read(t, filesource.Config{
			Path: "-", Stdin: chunks{strings.NewReader(text), 1 + r.IntN(20)}, SpoolSize: 1 + r.Int64N(int64(len(text))+1),
		}, nil)
		if len(whole.records) != len(small.records) {
			t.Fatalf("%q: %d pieces at once, %d in small reads", text, len(whole.records), len(small.records))
		}
		for i := range whole.records {
			if whole.records[i] != small.records[i] {
				t.Fatalf("%q: piece %d is %+v at once, %+v in small reads", text, i, whole.records[i], small.records[i])
			}
		}
	})
}

func magic(in []byte) bool {
	s := string(in)
	return strings.HasPrefix(s, "\x1f\x8b") || strings.HasPrefix(s, "\x28\xb5\x2f\xfd") || len(s) > 3 && s[1:4] == "\x2a\x4d\x18"
}

func reassemble(t *testing.T, text string, out outcome) {
	t.Helper()
	if len(out.errs) > 0 {
		t.Fatalf("%q: errors %q", text, out.errs)
	}
	at := 0
	between := func(to int) {
		gap := text[at:to]
		if at == 0 {
			gap = strings.TrimPrefix(gap, "\xef\xbb\xbf")
		}
		if strings.Trim(gap, " \t\r\n[],") != "" {
			t.Fatalf("%q: %q at %d is in no piece", text, gap, at)
		}
	}
	for _, r := range out.records {
		off, end := int(r.Offset), int(r.Offset)+len(r.Data)
		if off < at || end > len(text) || text[off:end] != r.Data || r.Data == "" {
			t.Fatalf("%q: piece %q can't be at %d, after byte %d", text, r.Data, off, at)
		}
		between(off)
		at = end
		if r.Broken == "" && (r.Data[0] != '{' || !json.Valid([]byte(r.Data))) {
			t.Fatalf("%q: record %q is not an object", text, r.Data)
		}
	}
	between(len(text))
}
