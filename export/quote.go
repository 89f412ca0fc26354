package export

import (
	"encoding/binary"
	"unicode/utf8"
)

const lowerHex = "0123456789abcdef"

// appendQuoted appends text as a JSON string. Invalid UTF-8 in it becomes
// U+FFFD.
func appendQuoted[T string | []byte](dst []byte, text T) []byte {
	dst = append(dst, '"')
	dst = appendInside(dst, []byte(text))
	return append(dst, '"')
}

// appendInside appends text as the inside of a JSON string. Invalid UTF-8 in it
// becomes U+FFFD.
func appendInside(dst, text []byte) []byte {
	done := 0 // what is before it was appended
	for i := 0; i < len(text); {
		if i+8 <= len(text) && plainWord(binary.LittleEndian.Uint64(text[i:])) {
			i += 8
			continue
		}
		c := text[i]
		switch {
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(text[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
			dst = append(append(dst, text[done:i]...), "\uFFFD"...)
		case c >= ' ' && c != '"' && c != '\\':
			i++
			continue
		default:
			dst = appendEscape(append(dst, text[done:i]...), c)
		}
		i++
		done = i
	}
	return append(dst, text[done:]...)
}

// plainWord tells whether eight bytes stand for themselves in a JSON string: if
// it says so they do; if not, some may.
func plainWord(w uint64) bool {
	const (
		each = 0x0101010101010101
		top  = 0x8080808080808080
	)
	control := w - each*' '
	quote := (w ^ each*'"') - each
	backslash := (w ^ each*'\\') - each
	return (w|control|quote|backslash)&top == 0
}

// appendEscape appends an ASCII character that can't stand for itself.
func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	default:
		return append(dst, '\\', 'u', '0', '0', lowerHex[c>>4], lowerHex[c&15])
	}
}
