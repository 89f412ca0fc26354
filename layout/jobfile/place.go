package jobfile

import (
	"io"
	"slices"
)

// place is where a record's text is: data itself, or what a JSON string in it
// says. Offsets count from the start of that text.
type place struct {
	data  io.ReaderAt
	size  int64
	text  bool // the record is what the string at inner says
	inner Span

	// marks are known places in the string, in order, at least apart bytes of
	// text from each other.
	marks []mark
	apart int64
}

// mark is a place in a JSON string: so many bytes of what stands in it are so
// many bytes of what it says.
type mark struct{ inside, text int64 }

// maxMarks is how many marks are kept. So many are few enough to hold, and let
// a long string be entered again without reading much of it.
const maxMarks = 4096

// walk returns a walker over the bytes of s.
func (p *place) walk(s Span, window []byte) *walker {
	if m, ok := p.data.(Memory); ok && !p.text {
		return &walker{buf: m[:s.End], pos: int(s.Start), keep: -1, ended: true}
	}
	w := walkReader(p.from(s), window)
	w.base = s.Start
	return w
}

// from returns a stream of the bytes of s.
func (p *place) from(s Span) io.Reader {
	if !p.text {
		return io.NewSectionReader(p.data, s.Start, s.Len())
	}
	var at mark
	if i, _ := slices.BinarySearchFunc(p.marks, s.Start+1, func(m mark, t int64) int { return int(m.text - t) }); i > 0 {
		at = p.marks[i-1]
	}
	inside := Span{p.inner.Start + 1 + at.inside, p.inner.End - 1}
	u := &marking{unquoter: unquoteInside(io.NewSectionReader(p.data, inside.Start, inside.Len())), start: at, at: at.text, place: p}
	return &skipping{src: io.LimitReader(u, s.End-at.text), skip: s.Start - at.text}
}

// mark remembers a place.
func (p *place) mark(m mark) {
	if len(p.marks) > 0 && m.text < p.marks[len(p.marks)-1].text+p.apart {
		return
	}
	p.marks = append(p.marks, m)
	if len(p.marks) < maxMarks {
		return
	}
	for i := range maxMarks / 2 {
		p.marks[i] = p.marks[2*i]
	}
	p.marks = p.marks[:maxMarks/2]
	p.apart = max(2*p.apart, 64<<10)
}

// marking is a stream of what a JSON string says that marks places of it.
type marking struct {
	*unquoter
	start mark
	at    int64
	place *place
}

func (m *marking) Read(p []byte) (int, error) {
	if len(m.out) == 0 {
		m.place.mark(mark{m.start.inside + m.used, m.at})
	}
	n, err := m.unquoter.Read(p)
	m.at += int64(n)
	return n, err
}

// skipping is a stream without its first skip bytes.
type skipping struct {
	src  io.Reader
	skip int64
}

func (s *skipping) Read(p []byte) (int, error) {
	if s.skip > 0 {
		n, err := io.CopyN(io.Discard, s.src, s.skip)
		if s.skip -= n; err != nil {
			return 0, err
		}
	}
	return s.src.Read(p)
}
