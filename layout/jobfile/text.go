package jobfile

import (
	"bytes"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// unquote returns what the JSON string at s in data says, as a stream. The
// string is known to be valid JSON. Unlike a tokenizer it needs no memory for
// the whole of it, and leaves invalid UTF-8 as it is.
func unquote(data io.ReaderAt, s Span) io.Reader {
	return unquoteInside(io.NewSectionReader(data, s.Start+1, s.Len()-2))
}

// unquoteInside is unquote for what stands between a string's quotes.
func unquoteInside(src io.Reader) *unquoter {
	return &unquoter{src: src, raw: make([]byte, 0, 16<<10)}
}

type unquoter struct {
	src  io.Reader
	raw  []byte // read and not yet unescaped
	text []byte // unescaped
	out  []byte // what of text is not yet returned
	done bool   // src is at its end
	used int64  // bytes of src that were unescaped
}

func (u *unquoter) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		if u.done && len(u.raw) == 0 {
			return 0, io.EOF
		}
		if !u.done {
			n, err := u.src.Read(u.raw[len(u.raw):cap(u.raw)])
			u.raw = u.raw[:len(u.raw)+n]
			if err != nil && err != io.EOF {
				return 0, err
			}
			u.done = err == io.EOF
		}
		rest := u.unescape()
		u.used += int64(len(u.raw) - len(rest))
		u.raw = u.raw[:copy(u.raw, rest)]
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

// longestEscape is a surrogate pair: \uD83D\uDE00.
const longestEscape = 12

// unescape fills text from raw and returns what it could not use yet.
func (u *unquoter) unescape() []byte {
	out, raw := u.text[:0], u.raw
	for len(raw) > 0 {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			out, raw = append(out, raw...), nil
			break
		}
		out, raw = append(out, raw[:i]...), raw[i:]
		if len(raw) < longestEscape && !u.done {
			break
		}
		r, n := escape(raw)
		out, raw = utf8.AppendRune(out, r), raw[n:]
	}
	u.text, u.out = out, out
	return raw
}

// escape returns what the escape sequence at the start of raw stands for, and
// its length. Half a surrogate pair is U+FFFD, and so is a sequence that was
// cut off.
func escape(raw []byte) (rune, int) {
	if len(raw) < 2 || raw[1] == 'u' && len(raw) < 6 {
		return utf8.RuneError, len(raw)
	}
	switch c := raw[1]; c {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
	default:
		return rune(c), 2
	}
	r := hex4(raw[2:])
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(raw) >= longestEscape && raw[6] == '\\' && raw[7] == 'u' {
		if pair := utf16.DecodeRune(r, hex4(raw[8:])); pair != utf8.RuneError {
			return pair, longestEscape
		}
	}
	return utf8.RuneError, 6
}

func hex4(digits []byte) rune {
	n, err := strconv.ParseUint(string(digits[:4]), 16, 16)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}

// quoter writes text as the inside of a JSON string, escaping what must be.
type quoter struct{ w io.Writer }

func (q quoter) Write(p []byte) (int, error) {
	out := make([]byte, 0, len(p)+len(p)/8)
	for _, c := range p {
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c == '\n':
			out = append(out, `\n`...)
		case c < ' ':
			const hex = "0123456789abcdef"
			out = append(out, `\u00`...)
			out = append(out, hex[c>>4], hex[c&15])
		default:
			out = append(out, c)
		}
	}
	if _, err := q.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}
