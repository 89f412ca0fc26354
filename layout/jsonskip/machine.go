// Package jsonskip finds the end of a JSON value without keeping it.
//
// It accepts exactly what a [jsontext] decoder accepts with duplicate names and
// invalid UTF-8 allowed, down to the limit of 10,000 nested objects and arrays,
// and so can stand in for it wherever a value is not interpreted. It needs
// constant memory whatever the size of the value, or of one string in it.
//
// [jsontext]: https://pkg.go.dev/github.com/go-json-experiment/json/jsontext
package jsonskip

import "io"

// MaxDepth is how many objects and arrays may be open within each other.
const MaxDepth = 10_000

// state is what may come next. Those before inName are between tokens, where
// white space may stand.
type state uint8

const (
	wantValue   state = iota // the value itself, a member's value, or an element after ','
	wantFirst                // an array's first element or its end
	wantName                 // a member's name after ','
	wantMember               // an object's first name or its end
	wantColon                // after a name
	wantComma                // after a member or an element
	inName                   // in a string that is a name
	inString                 // in any other string
	inEscape                 // after a backslash; Machine.str says in which string
	inHex                    // in \uXXXX, with Machine.rest digits to come
	inLiteral                // in Machine.lit, with Machine.rest letters to come
	numMinus                 // after '-'
	numZero                  // after a leading zero
	numInt                   // in the integer's digits
	numDot                   // after '.'
	numFrac                  // in the fraction's digits
	numExp                   // after 'e'
	numExpSign               // after the exponent's sign
	numExpDigit              // in the exponent's digits
	ended
	failed
)

// Machine finds the end of one JSON value in bytes that are handed to it
// piecemeal, in constant memory. The zero value is ready for use.
type Machine struct {
	state state
	str   state  // inName or inString: where to go on after an escape
	rest  uint8  // of a literal or a \u escape: bytes still to come
	lit   string // the literal being read
	depth int    // open objects and arrays
	base  int64  // bytes consumed by calls before this one
	err   error  // what Next returned, once it has failed

	// One bit for each open object (1) or array (0). Few values are nested
	// deeper than the first word reaches; deep is made for those that are.
	top  uint64
	deep *[MaxDepth / 64]uint64
}

// Reset makes the machine ready for another value.
func (m *Machine) Reset() { *m = Machine{deep: m.deep} }

// Next consumes bytes of the value, white space before it included. n is how
// many of b's bytes belong to it, and done tells that it ended at b[:n]; until
// then n is len(b). A number that is not inside another value ends only before
// the first byte that can't belong to it, or at Finish.
//
// An error is a *SyntaxError, and every later call returns it again. Once done,
// the machine takes nothing more until Reset.
func (m *Machine) Next(b []byte) (n int, done bool, err error) {
	if m.state == failed {
		return 0, false, m.err
	}
	n, err = m.run(b)
	m.base += int64(n)
	if err != nil {
		m.state, m.err = failed, err
		return n, false, err
	}
	return n, m.state == ended, nil
}

// Depth is the number of objects and arrays that are open.
func (m *Machine) Depth() int { return m.depth }

// Started tells whether a byte of the value has been seen, beside the white
// space before it.
func (m *Machine) Started() bool { return m.state != wantValue || m.depth > 0 }

// Finish tells that the input is at its end. It returns nil if the value is
// complete, the machine's error if it has failed, else io.ErrUnexpectedEOF.
func (m *Machine) Finish() error {
	switch m.state {
	case ended:
		return nil
	case failed:
		return m.err
	case numZero, numInt, numFrac, numExpDigit:
		if m.depth == 0 {
			m.state = ended
			return nil
		}
	}
	return io.ErrUnexpectedEOF
}

// Value returns the length of the JSON value at the start of b, white space
// before it included. The error is io.ErrUnexpectedEOF if b ends first, else a
// *SyntaxError.
func Value(b []byte) (n int, err error) {
	var m Machine
	n, done, err := m.Next(b)
	if err != nil || done {
		return n, err
	}
	return n, m.Finish()
}

// String returns the length of the JSON string whose opening quote is b[0], and
// whether it is simple: without a backslash, so that its value is what stands
// between the quotes. The error is io.ErrUnexpectedEOF if b ends first, else a
// *SyntaxError.
func String(b []byte) (n int, simple bool, err error) {
	if len(b) == 0 {
		return 0, false, io.ErrUnexpectedEOF
	}
	if b[0] != '"' {
		return 0, false, unexpected(0, b[0], `at start of string (expecting '"')`)
	}
	n = plain(b, 1)
	if n < len(b) && b[n] == '"' {
		return n + 1, true, nil
	}
	n, err = Value(b)
	return n, false, err
}

// run consumes bytes until the value or b ends.
func (m *Machine) run(b []byte) (n int, err error) {
	i := 0
	for i < len(b) && m.state != ended {
		if m.state < inName {
			i, err = m.between(b, i)
		} else {
			i, err = m.within(b, i)
		}
		if err != nil {
			return i, err
		}
	}
	return i, nil
}

// between goes on from a place between two tokens for as long as tokens lie
// wholly in b.
func (m *Machine) between(b []byte, i int) (int, error) {
	st := m.state
	for i < len(b) {
		c := b[i]
		if c <= ' ' {
			if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
				return i, m.unexpected(st, i, c)
			}
			i = space(b, i+1)
			continue
		}
		i++
		switch st {
		case wantMember, wantName:
			if c != '"' {
				if c == '}' && st == wantMember {
					st = m.pop()
					break
				}
				return i - 1, m.unexpected(st, i-1, c)
			}
			i = plain(b, i)
			if i+1 >= len(b) || b[i] != '"' {
				m.state = inName
				return i, nil
			}
			i++
			st = wantColon
			if b[i] == ':' {
				i++
				st = wantValue
			}
		case wantColon:
			if c != ':' {
				return i - 1, m.unexpected(st, i-1, c)
			}
			st = wantValue
		case wantComma:
			switch {
			case c == ',' && m.inObject():
				st = wantName
			case c == ',':
				st = wantValue
			case c == '}' && m.inObject(), c == ']' && !m.inObject():
				st = m.pop()
			default:
				return i - 1, m.unexpected(st, i-1, c)
			}
		default: // wantValue, wantFirst
			switch {
			case c == '"':
				i = plain(b, i)
				if i >= len(b) || b[i] != '"' {
					m.state = inString
					return i, nil
				}
				i++
				st = m.after()
			case c == '{':
				if st = m.push(true); st == failed {
					return i - 1, m.tooDeep(i - 1)
				}
			case c == '[':
				if st = m.push(false); st == failed {
					return i - 1, m.tooDeep(i - 1)
				}
			case c == ']' && st == wantFirst:
				st = m.pop()
			default:
				if !m.start(c) {
					return i - 1, m.unexpected(st, i-1, c)
				}
				return i, nil
			}
		}
		if st == ended {
			break
		}
	}
	m.state = st
	return i, nil
}

// start enters the number or literal that begins with c.
func (m *Machine) start(c byte) bool {
	switch {
	case c == '0':
		m.state = numZero
	case '1' <= c && c <= '9':
		m.state = numInt
	case c == '-':
		m.state = numMinus
	case c == 't':
		m.state, m.lit, m.rest = inLiteral, "true", 3
	case c == 'f':
		m.state, m.lit, m.rest = inLiteral, "false", 4
	case c == 'n':
		m.state, m.lit, m.rest = inLiteral, "null", 3
	default:
		return false
	}
	return true
}

// after is the state after a value.
func (m *Machine) after() state {
	if m.depth == 0 {
		return ended
	}
	return wantComma
}

// push opens an object or an array; failed means that it is one too many.
func (m *Machine) push(object bool) state {
	if m.depth == MaxDepth {
		return failed
	}
	if m.depth > 0 && m.depth%64 == 0 {
		if m.deep == nil {
			m.deep = new([MaxDepth / 64]uint64)
		}
		m.deep[m.depth/64-1] = m.top
	}
	m.depth++
	if object {
		m.top = m.top<<1 | 1
		return wantMember
	}
	m.top <<= 1
	return wantFirst
}

// pop closes the innermost object or array.
func (m *Machine) pop() state {
	m.depth--
	m.top >>= 1
	if m.depth > 0 && m.depth%64 == 0 {
		m.top = m.deep[m.depth/64-1]
	}
	return m.after()
}

// inObject tells whether the innermost open value is an object.
func (m *Machine) inObject() bool { return m.top&1 != 0 }
