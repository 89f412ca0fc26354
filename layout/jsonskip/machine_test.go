package jsonskip_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"logstow/layout/jsonskip"
)

// seeds are values and near-values that skippers get wrong.
func seeds() []string {
	deep := func(open, middle, end string, n int) string {
		return strings.Repeat(open, n) + middle + strings.Repeat(end, n)
	}
	long := strings.Repeat("0123456789abcdef", 9)
	return []string{
		``, ` `, "\xef\xbb\xbf{}", "\x00", "\x00{}", "{}\x00", ` {} `, `[]`, `{}{}`, `][`, `}`, `{]`, `[}`, `{"a"}`, `{,}`, `[,]`,
		`{"a":1,}`, "{\"a\":{\"b\":3026585,\n},\"c\":1}", `[1,]`, `[1,,2]`, `{"a":1 "b":2}`, `{"a" 1}`, `{"a"::1}`, `{a:1}`, `{1:1}`, `{"a":}`,
		`{"a":0000000}`, `0000000`, `[00]`, `[-]`, `-`, `-0`, `-01`, `[-0.0e-0]`, `1.`, `[1.]`, `1.5.5`, `[1.5.5]`, `1e`, `1e+`, `[1e+]`, `[1e5e]`, `[1E+05]`, `+1`, `.5`, `[1-2]`, `12 34`, `0x10`, `[1e400,-1E-400]`, `[123456789012345678901234567890.123e-5]`,
		`true`, `truex`, `[truex]`, `tru`, `[tru]`, `trux`, `false`, `fals`, `null`, `nul`, `[nulL]`, `NaN`, `Infinity`, `[true,false,null]`,
		`"`, `""`, `"a`, `"\`, `"\"`, `"\""`, `"\\"`, `"\\\"`, `"\x"`, `"\u"`, `"\u12"`, `"\u12g4"`, `"\u1234"`, `"\uD800"`, `"\uD83D\uDE00"`, `"\uDE00\uD83D"`, `"\ud83d\u0041"`, `"\uD800\"`, `"\/\b\f\n\r\t"`,
		"\"\x00\"", "\"\x1f\"", "\"\x20\x21\x7f\"", "\"a\nb\"", "\"a\tb\"", "\"\xff\xfe\x80\"", "\"\xe2\x82\"", "\"\xed\xa0\x80\"", "\"\xe2\"", "\"\u2028é€😀\"",
		`{"a":1,"a":2}`, `{"":{"":""}}`, `{"a\u0022b":"\""}`, "\t\r\n [ 1 , 2 ]\r\n", "\v1", "\f1", "\u00a01", "[1\v]", `// c`, `[1 /* c */]`, `'a'`,
		`"` + long + `"`, `"` + long + `\"` + long + `"`, `"` + long + "\x01" + long + `"`, `"` + long + "\xff" + long + `"`, `{"` + long + `":"` + long + `"}`,
		deep("[", "", "]", 63), deep("[", "1", "]", 64), deep("[", "", "]", 65), deep(`{"a":`, "1", "}", 129), deep(`[{"a":`, "1", "}]", 200),
		deep("[", "", "]", 10000), deep("[", "", "]", 10001), deep(`{"":`, `""`, "}", 10000), deep(`{"":`, `""`, "}", 10001), deep("[{\"a\":", "", "]}", 70),
		`{"a":` + deep("[", "1", "]", 63) + "]", `{"a":` + deep("[", "1", "]", 64) + "]", "[" + deep(`{"":`, "1", "}", 64) + "}",
	}
}

// oracle is what the tokenizer says of the value at the start of b: where it
// ends, and which of nil, io.ErrUnexpectedEOF or another error it returns.
func oracle(b []byte) (n int, err error) {
	d := jsontext.NewDecoder(bytes.NewReader(b), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	_, err = d.ReadValue()
	return int(d.InputOffset()), err
}

// compare checks whole and pieces of b, cut at random places, against oracle.
func compare(t *testing.T, b []byte, seed uint64) {
	t.Helper()
	want, wantErr := oracle(b)
	n, err := jsonskip.Value(b)
	check(t, fmt.Sprintf("Value(%.200q)", b), n, err, want, wantErr, len(b))

	r := rand.New(rand.NewPCG(seed, 0))
	compareSkip(t, b, r.IntN(40))
	var m jsonskip.Machine
	for range 3 {
		m.Reset()
		var cuts []int
		n, cuts, err = pieces(&m, b, r)
		check(t, fmt.Sprintf("Next(%.200q) cut in pieces of %v", b, cuts), n, err, want, wantErr, len(b))
	}
}

// compareSkip checks Skip of b, behind so many other bytes, against Value.
func compareSkip(t *testing.T, b []byte, before int) {
	t.Helper()
	want, wantErr := jsonskip.Value(b)
	end, err := jsonskip.Skip(append(bytes.Repeat([]byte{'"'}, before), b...), before)
	switch {
	case err == nil && (wantErr != nil || end-before != want):
		t.Fatalf("Skip(%.200q) = %d, nil, want %d, %v", b, end-before, want, wantErr)
	case err == io.ErrUnexpectedEOF && wantErr != err && !isNumber(b[:want]):
		t.Fatalf("Skip(%.200q) = %v, want %d, %v", b, err, want, wantErr)
	case err != nil && err != io.ErrUnexpectedEOF && err != jsonskip.ErrUnsure:
		t.Fatalf("Skip(%.200q) = %v", b, err)
	}
}

// isNumber tells whether b, a JSON value, is a number.
func isNumber(b []byte) bool {
	return len(b) > 0 && strings.IndexByte("0123456789", b[len(b)-1]) >= 0
}

// TestSkipIsSure: what most JSON is made of needs no Machine.
func TestSkipIsSure(t *testing.T) {
	for _, s := range []string{
		`{}`, `[]`, ` [ ] `, `{"a":[1,-2.5e+3,true,false,null,"x\u12aF\n\"",{}],"bcdefghijklm" : {"n":"opqrstuvwxyz"}, "e":[ [], "" ]}`,
		strings.Repeat("[", 64) + strings.Repeat("]", 64), "\t\r\n{\"a\": 0.00017289767113580934}",
	} {
		if end, err := jsonskip.Skip([]byte(s), 0); err != nil || end != len(strings.TrimRight(s, " ")) {
			t.Errorf("Skip(%q) = %d, %v", s, end, err)
		}
		if _, err := jsonskip.Skip([]byte(s[:len(s)/2]), 0); err != io.ErrUnexpectedEOF {
			t.Errorf("Skip(%q) = %v, want %v", s[:len(s)/2], err, io.ErrUnexpectedEOF)
		}
	}
}

func pieces(m *jsonskip.Machine, b []byte, r *rand.Rand) (n int, cuts []int, err error) {
	most := 1 + r.IntN(20)
	for n < len(b) {
		k := min(1+r.IntN(most), len(b)-n)
		cuts = append(cuts, k)
		piece := bytes.Clone(b[n : n+k]) // so that a read beyond it is seen
		used, done, err := m.Next(piece)
		n += used
		if err != nil || done {
			return n, cuts, err
		}
		if used != k {
			return n, cuts, fmt.Errorf("Next took %d of %d bytes and wants more", used, k)
		}
	}
	return n, cuts, m.Finish()
}

func check(t *testing.T, call string, n int, err error, want int, wantErr error, size int) {
	t.Helper()
	short := errors.Is(wantErr, io.EOF) || errors.Is(wantErr, io.ErrUnexpectedEOF)
	syntax, isSyntax := errors.AsType[*jsonskip.SyntaxError](err)
	switch {
	case wantErr == nil && (err != nil || n != want):
		t.Fatalf("%s = %d, %v, want %d, nil", call, n, err, want)
	case wantErr != nil && short && !errors.Is(err, io.ErrUnexpectedEOF):
		t.Fatalf("%s = %d, %v, want %v, as jsontext's %v", call, n, err, io.ErrUnexpectedEOF, wantErr)
	case wantErr != nil && !short && !isSyntax:
		t.Fatalf("%s = %d, %v, want a SyntaxError, as jsontext's %v", call, n, err, wantErr)
	case isSyntax && (syntax.Offset != int64(n) || n >= size || syntax.Reason == ""):
		t.Fatalf("%s stopped at %d of %d with SyntaxError%+v", call, n, size, *syntax)
	}
}

func TestAgreesWithTokenizer(t *testing.T) {
	for i, s := range seeds() {
		compare(t, []byte(s), uint64(i))
		compare(t, []byte(`{"k": [`+s+`], "z": "e"}`), uint64(i))
	}
}

// TestEveryByte replaces each byte of a record by each other one.
func TestEveryByte(t *testing.T) {
	const record = `{"a":[1,-2.5e+3,true,null,"x\u12aF\n",{}],"bcdefghijklm":{"n":"opqrstuvwxyz"}, "e":false}`
	for i := range len(record) {
		for c := range 256 {
			b := []byte(record)
			b[i] = byte(c)
			compare(t, b, uint64(i*256+c))
		}
		compare(t, []byte(record[:i]), uint64(i))
	}
}

func FuzzValue(f *testing.F) {
	for i, s := range seeds() {
		f.Add([]byte(s), uint64(i))
	}
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) { compare(t, b, seed) })
}

func TestErrors(t *testing.T) {
	tests := []struct {
		in     string
		offset int64
		reason string
	}{
		{`{"a":1 x}`, 7, `invalid character 'x' after object member (expecting ',' or '}')`},
		{"{\"a\":1,\n}", 8, `invalid character '}' after ',' (expecting an object member)`},
		{`{"a":0000}`, 6, `invalid character '0' after object member (expecting ',' or '}')`},
		{`{"a" 1}`, 5, `invalid character '1' after object member's name (expecting ':')`},
		{`{x}`, 1, `invalid character 'x' at start of object (expecting a member or '}')`},
		{`{"a":}`, 5, `invalid character '}' at start of object member's value`},
		{`[1,]`, 3, `invalid character ']' after ',' (expecting an array element)`},
		{`[}`, 1, `invalid character '}' at start of array element`},
		{`[1}`, 2, `invalid character '}' after array element (expecting ',' or ']')`},
		{`garbage`, 0, `invalid character 'g' at start of value`},
		{`'a'`, 0, `invalid character "'" at start of value`},
		{"\xff", 0, `invalid byte 0xff at start of value`},
		{"\"a\nb\"", 2, `invalid character '\n' in string`},
		{"[1\x00]", 2, `invalid character '\x00' after array element (expecting ',' or ']')`},
		{`"\x"`, 2, `invalid character 'x' in escape sequence after '\'`},
		{`"\u00g0"`, 5, `invalid character 'g' in escape sequence after '\u' (expecting a hexadecimal digit)`},
		{`[truE]`, 4, `invalid character 'E' in literal true (expecting 'e')`},
		{`[-a]`, 2, `invalid character 'a' in number (expecting a digit)`},
		{strings.Repeat("[", 10001), 10000, `more than 10000 objects and arrays within each other`},
	}
	for _, tt := range tests {
		var m jsonskip.Machine
		_, _, err := m.Next([]byte(tt.in[:1]))
		for i := 1; err == nil && i < len(tt.in); i++ {
			_, _, err = m.Next([]byte(tt.in[i : i+1]))
		}
		e, ok := errors.AsType[*jsonskip.SyntaxError](err)
		if !ok || e.Offset != tt.offset || e.Reason != tt.reason {
			t.Errorf("Next(%.40q) = %#v, want %q at %d", tt.in, err, tt.reason, tt.offset)
			continue
		}
		if _, _, again := m.Next([]byte("{}")); again != err || m.Finish() != err {
			t.Errorf("after Next(%.40q) failed, Next = %v and Finish = %v, want the same error", tt.in, again, m.Finish())
		}
	}
}

func TestString(t *testing.T) {
	tests := []struct {
		in     string
		n      int
		simple bool
		err    error
	}{
		{`""x`, 2, true, nil},
		{`"abcdefghijk":1`, 13, true, nil},
		{"\"\xff\"", 3, true, nil},
		{`"a\"b" "c"`, 6, false, nil},
		{`"abc`, 4, false, io.ErrUnexpectedEOF},
		{`"abc\`, 5, false, io.ErrUnexpectedEOF},
		{``, 0, false, io.ErrUnexpectedEOF},
	}
	for _, tt := range tests {
		n, simple, err := jsonskip.String([]byte(tt.in))
		if n != tt.n || simple != tt.simple || err != tt.err {
			t.Errorf("String(%q) = %d, %v, %v, want %d, %v, %v", tt.in, n, simple, err, tt.n, tt.simple, tt.err)
		}
	}
	for _, in := range []string{`x`, ` "a"`, "\"a\nb\"", `"\q"`} {
		if _, _, err := jsonskip.String([]byte(in)); !isSyntax(err) {
			t.Errorf("String(%q) returned %v, want a SyntaxError", in, err)
		}
	}
}

func isSyntax(err error) bool {
	_, ok := errors.AsType[*jsonskip.SyntaxError](err)
	return ok
}

func TestResetAndDone(t *testing.T) {
	var m jsonskip.Machine
	if m.Started() {
		t.Error("Started before the first byte")
	}
	if _, _, err := m.Next([]byte(strings.Repeat("[", 300))); err != nil || m.Depth() != 300 || !m.Started() {
		t.Fatalf("300 brackets: depth %d, %v", m.Depth(), err)
	}
	m.Reset()
	if m.Depth() != 0 || m.Started() {
		t.Fatalf("after Reset: depth %d, started %v", m.Depth(), m.Started())
	}
	if n, done, err := m.Next([]byte(" \n")); n != 2 || done || err != nil || m.Started() {
		t.Fatalf("white space: %d, %v, %v, started %v", n, done, err, m.Started())
	}
	if n, done, err := m.Next([]byte(`{"a":1}{`)); n != 7 || !done || err != nil {
		t.Fatalf("Next = %d, %v, %v, want 7, true, nil", n, done, err)
	}
	if n, done, err := m.Next([]byte(`{`)); n != 0 || !done || err != nil || m.Finish() != nil {
		t.Fatalf("Next after the end = %d, %v, %v, Finish %v", n, done, err, m.Finish())
	}
}

func TestNoAllocation(t *testing.T) {
	b := record()
	var m jsonskip.Machine
	allocs := testing.AllocsPerRun(100, func() {
		m.Reset()
		if _, done, err := m.Next(b); !done || err != nil {
			t.Fatalf("done %v, %v", done, err)
		}
	})
	if allocs != 0 {
		t.Errorf("Next allocates %v times", allocs)
	}
}

// record is a log record of about 8 KB: lines with nested objects, strings of
// 10 to 200 bytes, and numbers.
func record() []byte {
	r := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		s := make([]byte, 10+r.IntN(191))
		for i := range s {
			s[i] = "abcdefghijklmnop qrstuvwxyz0123456789"[r.IntN(37)]
		}
		return string(s)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"id":"j-%s","recipe_id":%d,"status":"succeeded","completed_at":"2026-01-02T03:04:05Z","lines":[`, text()[:10], r.IntN(1e7))
	for i := range 14 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"recipe_line_number":%d,"adapter_name":"%s","input":{"name":"%s","n":%d,"ok":true},"output":{"list":[%d,%.3f,null],"text":"%s \"quoted\" %s"}}`,
			i, text()[:10], text(), r.IntN(1e6), i, r.Float64(), text(), text())
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

func BenchmarkSkip(b *testing.B) {
	rec := record()
	b.Run("jsonskip", func(b *testing.B) {
		b.SetBytes(int64(len(rec)))
		var m jsonskip.Machine
		for b.Loop() {
			m.Reset()
			if _, done, err := m.Next(rec); !done || err != nil {
				b.Fatal(done, err)
			}
		}
	})
	b.Run("jsontext", func(b *testing.B) {
		b.SetBytes(int64(len(rec)))
		src := bytes.NewReader(rec)
		d := jsontext.NewDecoder(src, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		for b.Loop() {
			src.Reset(rec)
			d.Reset(src, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
			if err := d.SkipValue(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
