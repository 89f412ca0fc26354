package web

import "github.com/charmbracelet/x/ansi/parser"

// stripper removes ANSI escape sequences from text that comes in pieces,
// wherever these end, in memory that grows with neither. It differs from
// ansi.Strip, whose states it walks through, in three points: a sequence ends
// with its line at the latest, so that one that is never finished takes no
// other line with it; control characters in UTF-8 (U+009B) begin sequences as
// their bytes (0x9B) do; and a byte of a letter within a link's address or a
// title never ends it.
type stripper struct {
	state parser.State
	rest  int  // bytes of a letter that are still to come
	held  bool // the letter began with 0xC2, which may turn out to be a control character's
}

// append appends what is left of src.
func (s *stripper) append(dst, src []byte) []byte {
	for len(src) > 0 {
		if s.state == parser.GroundState && s.rest == 0 {
			n := plain(src)
			dst, src = append(dst, src[:n]...), src[n:]
			if len(src) == 0 {
				break
			}
		}
		dst, src = s.one(dst, src[0]), src[1:]
	}
	return dst
}

// plain is how many bytes at the start of p are printable ASCII, newlines and
// tabs.
func plain(p []byte) int {
	for i, c := range p {
		if (c < ' ' && c != '\n' && c != '\t') || c > '~' {
			return i
		}
	}
	return len(p)
}

func (s *stripper) one(dst []byte, b byte) []byte {
	if s.rest > 0 {
		if b&0xC0 == 0x80 {
			return s.letter(dst, b)
		}
		dst = s.broken(dst)
	}
	if b == '\n' {
		s.state = parser.GroundState
		return append(dst, b)
	}
	if n := following(b); n > 0 {
		s.rest, s.held = n, b == 0xC2
		if !s.inString() {
			s.state = parser.GroundState
			if !s.held {
				dst = append(dst, b)
			}
		}
		return dst
	}
	return s.step(dst, b, false)
}

// letter passes a byte of a letter that isn't its first.
func (s *stripper) letter(dst []byte, b byte) []byte {
	held := s.held
	s.rest, s.held = s.rest-1, false
	switch {
	case held && b < 0xA0:
		return s.step(dst, b, true)
	case s.inString():
		return dst
	case held:
		return append(dst, 0xC2, b)
	default:
		return append(dst, b)
	}
}

// broken gives up a letter that doesn't go on.
func (s *stripper) broken(dst []byte) []byte {
	if s.held && !s.inString() {
		dst = append(dst, 0xC2)
	}
	s.rest, s.held = 0, false
	return dst
}

// step passes a byte that is no part of a letter, or a control character that
// was two bytes.
func (s *stripper) step(dst []byte, b byte, wide bool) []byte {
	state, action := parser.Table.Transition(s.state, b)
	s.state = state
	if action != parser.PrintAction && action != parser.ExecuteAction {
		return dst
	}
	if wide {
		dst = append(dst, 0xC2)
	}
	return append(dst, b)
}

// inString tells whether what comes is a sequence's text: an address, a title.
func (s *stripper) inString() bool {
	switch s.state {
	case parser.OscStringState, parser.DcsStringState, parser.SosStringState, parser.PmStringState, parser.ApcStringState:
		return true
	}
	return false
}

// following is how many bytes follow the first one of a letter that is not
// ASCII; 0 for any other byte.
func following(b byte) int {
	switch {
	case b < 0xC2 || b > 0xF4:
		return 0
	case b < 0xE0:
		return 1
	case b < 0xF0:
		return 2
	default:
		return 3
	}
}
