package jsonskip

import (
	"encoding/binary"
	"math/bits"
)

const (
	ones = 0x0101010101010101
	high = 0x8080808080808080
)

// plain returns the index of the first byte at or after i that is not an
// ordinary byte of a string: a quote, a backslash or a control character.
func plain(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i : i+8])
		// Of bytes below 0x80, ^0x02 maps the control characters and '"', and
		// nothing else, below 0x21. A borrow only disturbs bytes above one
		// that is itself found, so the lowest is right.
		found := ((x ^ 0x02*ones) - 0x21*ones) | ((x ^ '\\'*ones) - ones)
		if found &= high &^ x; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// space returns the index of the first byte at or after i that is not white
// space.
func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// digits returns the index of the first byte at or after i that is not a digit.
func digits(b []byte, i int) int {
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// within goes on inside a token until it or b ends.
func (m *Machine) within(b []byte, i int) (int, error) {
	switch m.state {
	case inName, inString:
		return m.inText(b, i)
	case inEscape, inHex:
		return m.inEscape(b, i)
	case inLiteral:
		return m.inLiteral(b, i)
	default:
		return m.inNumber(b, i)
	}
}

// inText goes on inside a string.
func (m *Machine) inText(b []byte, i int) (int, error) {
	for i < len(b) {
		switch c := b[i]; {
		case c == '"':
			if m.state == inName {
				m.state = wantColon
			} else {
				m.state = m.after()
			}
			return i + 1, nil
		case c == '\\' && i+1 < len(b) && isEscape(b[i+1]):
			i += 2
		case c == '\\':
			m.str, m.state = m.state, inEscape
			return i + 1, nil
		case c < ' ':
			return i, m.unexpected(m.state, i, c)
		}
		i = plain(b, i)
	}
	return i, nil
}

// isEscape tells whether c after a backslash is a whole escape sequence.
func isEscape(c byte) bool {
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	}
	return false
}

// inEscape goes on after a backslash.
func (m *Machine) inEscape(b []byte, i int) (int, error) {
	if m.state == inEscape {
		c := b[i]
		switch {
		case isEscape(c):
			m.state = m.str
			return i + 1, nil
		case c != 'u':
			return i, m.unexpected(m.state, i, c)
		}
		m.state, m.rest = inHex, 4
		i++
	}
	for ; i < len(b) && m.rest > 0; i++ {
		if !isHex(b[i]) {
			return i, m.unexpected(m.state, i, b[i])
		}
		m.rest--
	}
	if m.rest == 0 {
		m.state = m.str
	}
	return i, nil
}

// inLiteral goes on inside true, false or null.
func (m *Machine) inLiteral(b []byte, i int) (int, error) {
	for ; i < len(b) && m.rest > 0; i++ {
		if b[i] != m.lit[len(m.lit)-int(m.rest)] {
			return i, m.unexpected(m.state, i, b[i])
		}
		m.rest--
	}
	if m.rest == 0 {
		m.state = m.after()
	}
	return i, nil
}

// inNumber goes on inside a number. The byte after it is not consumed.
func (m *Machine) inNumber(b []byte, i int) (int, error) {
	st := m.state
	for i < len(b) {
		c := b[i]
		var next state
		switch {
		case isDigit(c):
			next = afterDigit(st, c)
		case c == '.' && (st == numZero || st == numInt):
			next = numDot
		case (c == 'e' || c == 'E') && (st == numZero || st == numInt || st == numFrac):
			next = numExp
		case (c == '-' || c == '+') && st == numExp:
			next = numExpSign
		case st == numMinus || st == numDot || st == numExp || st == numExpSign:
			return i, m.unexpected(st, i, c)
		default:
			next = ended
		}
		if next == ended {
			m.state = m.after()
			return i, nil
		}
		st = next
		i = digitsIn(st, b, i+1)
	}
	m.state = st
	return i, nil
}

// afterDigit is the state after digit c in st; ended if c can't belong to the
// number any more.
func afterDigit(st state, c byte) state {
	switch st {
	case numMinus:
		if c == '0' {
			return numZero
		}
		return numInt
	case numZero:
		return ended
	case numDot:
		return numFrac
	case numExp, numExpSign:
		return numExpDigit
	default:
		return st
	}
}

// digitsIn skips the digits that keep a number in st.
func digitsIn(st state, b []byte, i int) int {
	switch st {
	case numInt, numFrac, numExpDigit:
		return digits(b, i)
	}
	return i
}
