package jsonskip

import (
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
)

// ErrUnsure is Skip's answer to what only a Machine can judge.
var ErrUnsure = errors.New("not as plain as most JSON")

// What the functions below return instead of an index.
const (
	short  = -1 // b ends
	unsure = -2
)

// Skip returns where the value that begins at b[i] ends, white space before it
// included. It is faster than a Machine, but needs all of the value at once,
// and goes no deeper than 64 objects and arrays. Whatever it takes a Machine
// takes, with the same end.
//
// The error is io.ErrUnexpectedEOF where b ends inside the value, all of it
// right so far, else ErrUnsure: a Machine may take the value, or say what is
// wrong with it. A number has ended only where something follows it.
func Skip(b []byte, i int) (end int, err error) {
	switch i = skip(b, i); i {
	case short:
		return 0, io.ErrUnexpectedEOF
	case unsure:
		return 0, ErrUnsure
	}
	return i, nil
}

func skip(b []byte, i int) int {
	depth, open := 0, uint64(0) // of open, one bit for each object (1) or array (0)
	for {
		if i < len(b) && b[i] <= ' ' {
			i = space(b, i)
		}
		if i >= len(b) {
			return short
		}
		switch c := b[i]; c {
		case '"':
			i = text(b, i+1)
		case '{', '[':
			if depth == 64 {
				return unsure
			}
			if i = space(b, i+1); i >= len(b) {
				return short
			}
			if b[i] == c+2 { // '{'+2 is '}', and '['+2 is ']'
				i++
				break
			}
			depth, open = depth+1, open<<1
			if c == '{' {
				open |= 1
				if i = member(b, i); i < 0 {
					return i
				}
			}
			continue
		default:
			i = scalar(b, i)
		}
		if i < 0 {
			return i
		}
		for {
			if depth == 0 {
				return i
			}
			if i < len(b) && b[i] <= ' ' {
				i = space(b, i)
			}
			if i >= len(b) {
				return short
			}
			c := b[i]
			i++
			if c == ',' {
				break
			}
			if c != ']'|byte(open&1)<<5 { // '}' in an object
				return unsure
			}
			depth, open = depth-1, open>>1
		}
		if open&1 != 0 {
			if i = member(b, i); i < 0 {
				return i
			}
		}
	}
}

// member passes a member's name, which may begin at b[i], and the colon.
func member(b []byte, i int) int {
	if i < len(b) && b[i] <= ' ' {
		i = space(b, i)
	}
	if i >= len(b) {
		return short
	}
	if b[i] != '"' {
		return unsure
	}
	if i = text(b, i+1); i < 0 {
		return i
	}
	if i < len(b) && b[i] <= ' ' {
		i = space(b, i)
	}
	if i >= len(b) {
		return short
	}
	if b[i] != ':' {
		return unsure
	}
	return i + 1
}

// text passes what stands in a string from b[i] on, and the closing quote.
func text(b []byte, i int) int {
	for i+8 <= len(b) {
		x := binary.LittleEndian.Uint64(b[i : i+8])
		found := ((x ^ 0x02*ones) - 0x21*ones) | ((x ^ '\\'*ones) - ones) // as in plain
		if found &= high &^ x; found == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(found) / 8
		if b[i] == '"' {
			return i + 1
		}
		if i = escape(b, i); i < 0 {
			return i
		}
	}
	return textEnd(b, i)
}

// textEnd is text near the end of b.
func textEnd(b []byte, i int) int {
	for {
		if i = plain(b, i); i >= len(b) {
			return short
		}
		if b[i] == '"' {
			return i + 1
		}
		if i = escape(b, i); i < 0 {
			return i
		}
	}
}

// escape passes the escape sequence that b[i] should begin.
func escape(b []byte, i int) int {
	switch {
	case b[i] != '\\':
		return unsure
	case i+1 >= len(b):
		return short
	case isEscape(b[i+1]):
		return i + 2
	case i+6 <= len(b) && b[i+1] == 'u' && isHex(b[i+2]) && isHex(b[i+3]) && isHex(b[i+4]) && isHex(b[i+5]):
		return i + 6
	}
	return unsure
}

// scalar passes a number or a literal.
func scalar(b []byte, i int) int {
	c := b[i]
	if c == '-' {
		if i++; i >= len(b) {
			return short
		}
		if c = b[i]; !isDigit(c) {
			return unsure
		}
	}
	switch {
	case '1' <= c && c <= '9':
		return fraction(b, numerals(b, i+1))
	case c == '0':
		return fraction(b, i+1)
	case c == 'n':
		return literal(b, i, "null")
	case c == 't':
		return literal(b, i, "true")
	case c == 'f':
		return literal(b, i, "false")
	}
	return unsure
}

func literal(b []byte, i int, word string) int {
	if i+len(word) <= len(b) && string(b[i:i+len(word)]) == word {
		return i + len(word)
	}
	return unsure
}

// fraction passes what may follow the integer of a number.
func fraction(b []byte, i int) int {
	if i < len(b) && b[i] == '.' {
		from := i + 1
		if i = numerals(b, from); i == from {
			return unsure
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		from := i
		if i = numerals(b, from); i == from {
			return unsure
		}
	}
	if i >= len(b) {
		return short
	}
	return i
}

// numerals is digits for many of them.
func numerals(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:i+8]) ^ '0'*ones
		// Digits are now 0 to 9. A carry only disturbs bytes above one that is
		// itself found.
		if found := (x + 0x76*ones | x) & high; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	return digits(b, i)
}
