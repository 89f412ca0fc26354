package jsonskip

import (
	"fmt"
	"strconv"
)

// SyntaxError says why bytes are not a JSON value.
type SyntaxError struct {
	Offset int64  // of the byte that is wrong, from the first one given
	Reason string // "invalid character 'x' after object member"
}

// Error gives the reason.
func (e *SyntaxError) Error() string { return e.Reason }

// unexpected is the error for c at b[i] of this call, in state st.
func (m *Machine) unexpected(st state, i int, c byte) error {
	var where string
	switch st {
	case wantValue, wantFirst:
		where = "at start of value"
		if st == wantFirst {
			where = "at start of array element"
		} else if m.depth > 0 && m.inObject() {
			where = "at start of object member's value"
		} else if m.depth > 0 {
			where = "after ',' (expecting an array element)"
		}
	case wantName:
		where = "after ',' (expecting an object member)"
	case wantMember:
		where = "at start of object (expecting a member or '}')"
	case wantColon:
		where = "after object member's name (expecting ':')"
	case wantComma:
		where = "after array element (expecting ',' or ']')"
		if m.inObject() {
			where = "after object member (expecting ',' or '}')"
		}
	case inName, inString:
		where = "in string"
	case inEscape:
		where = "in escape sequence after '\\'"
	case inHex:
		where = "in escape sequence after '\\u' (expecting a hexadecimal digit)"
	case inLiteral:
		where = fmt.Sprintf("in literal %s (expecting %q)", m.lit, m.lit[len(m.lit)-int(m.rest)])
	default:
		where = "in number (expecting a digit)"
	}
	return unexpected(m.base+int64(i), c, where)
}

func unexpected(offset int64, c byte, where string) error {
	return &SyntaxError{Offset: offset, Reason: "invalid " + name(c) + " " + where}
}

func (m *Machine) tooDeep(i int) error {
	return &SyntaxError{
		Offset: m.base + int64(i),
		Reason: fmt.Sprintf("more than %d objects and arrays within each other", MaxDepth),
	}
}

// name is how a message calls c: a printable character as itself.
func name(c byte) string {
	switch {
	case c == '\'':
		return `character "'"`
	case c > ' ' && c < 0x7f:
		return "character '" + string(rune(c)) + "'"
	case c < 0x80:
		return "character " + strconv.QuoteRune(rune(c))
	default:
		return fmt.Sprintf("byte 0x%02x", c)
	}
}
