package jobfile

import (
	"errors"
	"io"

	"logstow/layout/jsonskip"
)

// glancer goes over a record in memory that is as plain as most. It finds what a
// walker would find, in less time, or returns an error: io.ErrUnexpectedEOF
// where b ends inside the record, all of it right so far, and else
// jsonskip.ErrUnsure, for a walker to have another look.
type glancer struct {
	r *Reader
	b []byte
	f found
}

// glance is Scan of the record that b begins with. With n = 0 the error is a
// glancer's.
func (r *Reader) glance(b []byte) (n int, info Info, err error) {
	g := r.glancers.Get().(*glancer)
	defer g.done()
	g.r, g.b = r, b
	i := afterSpace(b, 0)
	switch {
	case i == len(b):
		return 0, Info{}, io.ErrUnexpectedEOF
	case b[i] != '{':
		return 0, Info{}, jsonskip.ErrUnsure
	}
	g.f.whole = r.newFrame("")
	n, err = g.object(i, r.plan.root, g.f.whole.values, r.envelopes)
	if err != nil {
		return 0, Info{}, err
	}
	g.f.whole.span = Span{int64(i), int64(n)}
	info, err = r.conclude(&g.f, func() io.ReaderAt { return Memory(b[:n]) })
	return n, info, err
}

// done makes g ready for another record.
func (g *glancer) done() {
	r, inner := g.r, g.f.inner
	r.release(&g.f)
	clear(inner)
	*g = glancer{f: found{inner: inner[:0]}}
	r.glancers.Put(g)
}

// object passes the object that begins at b[i], and keeps in values what the
// paths below n ask of it. It may be an envelope.
func (g *glancer) object(i int, n *node, values []value, envelope bool) (int, error) {
	b := g.b
	if i = afterSpace(b, i+1); i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for {
		name, after, err := g.name(i)
		if err != nil {
			return 0, err
		}
		if envelope {
			i, err = g.member(name, after)
		} else {
			i, err = g.collect(n.kid(name), values, after)
		}
		if err != nil {
			return 0, err
		}
		if i = afterSpace(b, i); i == len(b) {
			return 0, io.ErrUnexpectedEOF
		}
		switch b[i] {
		case '}':
			return i + 1, nil
		case ',':
			i++
		default:
			return 0, jsonskip.ErrUnsure
		}
	}
}

// name passes a name, which may begin at b[i], and the colon.
func (g *glancer) name(i int) (name []byte, after int, err error) {
	b := g.b
	if i = afterSpace(b, i); i == len(b) {
		return nil, 0, io.ErrUnexpectedEOF
	}
	n, simple, err := jsonskip.String(b[i:])
	if err != nil || !simple || n > maxName {
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			err = jsonskip.ErrUnsure
		}
		return nil, 0, err
	}
	name = b[i+1 : i+n-1]
	if i = afterSpace(b, i+n); i == len(b) {
		return nil, 0, io.ErrUnexpectedEOF
	}
	if b[i] != ':' {
		return nil, 0, jsonskip.ErrUnsure
	}
	return name, i + 1, nil
}

// member passes the value of a member of what may be an envelope.
func (g *glancer) member(name []byte, i int) (int, error) {
	plan := g.r.plan
	kid := plan.root.kid(name)
	switch string(name) {
	case "log", "Log", "log_message":
		i = afterSpace(g.b, i)
		switch {
		case i == len(g.b):
			return 0, io.ErrUnexpectedEOF
		case g.b[i] == '{':
			return g.enclosed(string(name), i)
		case string(name) == "log_message":
			return g.copy(string(name), i)
		}
	case "Log_Str":
		return g.copy(string(name), i)
	case envelopeUser[1:]:
		kid = plan.envelopeUser
	}
	return g.collect(kid, g.f.whole.values, i)
}

// enclosed passes the object that an envelope's member holds.
func (g *glancer) enclosed(name string, i int) (int, error) {
	if g.f.holds(name) {
		g.f.repeated = name
		return jsonskip.Skip(g.b, i)
	}
	fr := g.r.newFrame(name)
	end, err := g.object(i, g.r.plan.root, fr.values, false)
	fr.span = Span{int64(i), int64(end)}
	g.f.inner = append(g.f.inner, fr)
	return end, err
}

// copy passes a member of an envelope that may be a record as text.
func (g *glancer) copy(name string, i int) (int, error) {
	i = afterSpace(g.b, i)
	end, err := jsonskip.Skip(g.b, i)
	if err == nil && g.f.copy(name, g.b[i:min(end, i+256)], Span{int64(i), int64(end)}) != nil {
		err = jsonskip.ErrUnsure
	}
	return end, err
}

// collect is the walker's.
func (g *glancer) collect(n *node, values []value, i int) (int, error) {
	if n == nil {
		return jsonskip.Skip(g.b, i)
	}
	if i = afterSpace(g.b, i); i == len(g.b) {
		return 0, io.ErrUnexpectedEOF
	}
	v := value{first: g.b[i]}
	var end int
	var err error
	switch {
	case v.first == '{' && n.kids != nil:
		v.count = -1
		end, err = g.object(i, n, values, false)
	case n.count:
		end, v.count, err = g.lines(i)
	default:
		if end, err = jsonskip.Skip(g.b, i); err == nil {
			v.text, v.whole = g.b[i:min(end, i+maxText)], end-i <= maxText
		}
	}
	if err == nil && n.take(values, v, Span{int64(i), int64(end)}) != nil {
		err = jsonskip.ErrUnsure
	}
	return end, err
}

// lines is the walker's.
func (g *glancer) lines(i int) (end int, count int64, err error) {
	b := g.b
	if b[i] != '[' {
		if end, err = jsonskip.Skip(b, i); err != nil || b[i] != '"' || string(b[i:end]) == `"`+Fallback+`"` {
			return end, -1, err
		}
		counter := &newlines{}
		_, err = counter.Write(b[i:end])
		return end, counter.lines(), err
	}
	if i = afterSpace(b, i+1); i < len(b) && b[i] == ']' {
		return i + 1, 0, nil
	}
	for {
		if i, err = jsonskip.Skip(b, i); err != nil {
			return 0, 0, err
		}
		count++
		if i = afterSpace(b, i); i == len(b) {
			return 0, 0, io.ErrUnexpectedEOF
		}
		switch b[i] {
		case ']':
			return i + 1, count, nil
		case ',':
			i++
		default:
			return 0, 0, jsonskip.ErrUnsure
		}
	}
}
