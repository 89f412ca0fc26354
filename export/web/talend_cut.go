package web

import "math"

// cut is how much of a timeline goes into one file.
type cut struct {
	span        // of the file's lines
	size  int64 // of the file, in lines
	more  bool  // there are lines before it
	until int64 // the millisecond to ask for them with, where there are
}

// cutOff cuts the newest lines off a timeline, at most limit of them; 0 is no
// limit. The lines of one millisecond stay together: where the limit falls
// between them, all of them are left for the next file, and where the newest
// millisecond alone has more than limit they are all in this one. So a file
// holds all lines after until and up to where the one before began, and asking
// for what is left with until as endTime loses nothing and doubles nothing.
func (t timeline) cutOff(limit int64) (cut, error) {
	whole := cut{span: t.span, size: t.size}
	if limit <= 0 || t.size <= limit {
		return whole, nil
	}
	left, err := t.slice(t.size-limit-1, t.size-limit)
	if err != nil {
		return cut{}, err
	}
	above, at, below, err := t.around(left[0].ms)
	if err != nil {
		return cut{}, err
	}
	until, size := left[0].ms, above
	if above == 0 {
		until, size = below, at
	}
	if until == noTime {
		return whole, nil
	}
	return cut{span: span{from: until + 1, to: t.to}, size: size, more: true, until: until}, nil
}

// noTime is where there is no line.
const noTime = math.MinInt64

// around counts the lines after a millisecond and those of it, and finds the
// newest millisecond before it, or noTime.
func (t timeline) around(ms int64) (above, at, below int64, err error) {
	below = noTime
	for m, err := range t.lines.moments() {
		switch {
		case err != nil:
			return 0, 0, 0, err
		case !t.holds(m.ms):
		case m.ms > ms:
			above++
		case m.ms == ms:
			at++
		default:
			below = max(below, m.ms)
		}
	}
	return above, at, below, nil
}

// bounded tells whether either end of the span was given.
func (s span) bounded() bool { return s.from != math.MinInt64 || s.to != math.MaxInt64 }
