package jobfile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// interpret says what the record in fr, of shape s, is. outer is all of it,
// the envelope included.
func (r *Reader) interpret(fr *frame, s *shape, outer *frame) (Info, error) {
	info := Info{Kind: s.kind, Platform: s.platform, LineCount: -1}
	get := getter{fr: fr, outer: outer}
	get.kept.Grow(128) // as much as most need
	if info.User = r.user; info.User == "" {
		info.User = get.id("user", s.user)
	}
	info.Recipe = get.id("recipe", s.recipe)
	if s.id != nil {
		info.Job = get.id("job", s.id)
	}
	if s.kind == Job {
		if info.Status = get.optional("status", s.status); info.Status == "" {
			info.Status = UnknownStatus
		}
	}
	info.CompletedAt = get.time(s.completed)
	at := get.time(s.at)
	if info.CompletedAt.IsZero() && at.IsZero() {
		info.StartedAt = get.time(s.started)
	} else if t, err := parseTime(get.pick(s.started)); err == nil {
		info.StartedAt = t // says nothing that matters here
	}
	for _, t := range []time.Time{info.CompletedAt, at, info.StartedAt} {
		if info.Time.IsZero() {
			info.Time = t
		}
	}
	if get.err == nil && info.Time.IsZero() {
		get.fail("no time: none of %s is there", quoteAll(s.completed, s.at, s.started))
	}
	info.Title = get.text(s.title)
	info.Error = get.text(s.errorText)
	info.ErrorType = get.text(s.errorType)
	for _, path := range s.lines {
		if v := &fr.values[path.slot]; v.first != 0 {
			info.spans = v.spans
			info.Lines = v.spans[len(v.spans)-1]
			info.LineCount = v.count
		}
	}
	return info, get.err
}

// getter takes values out of a frame and keeps the first error.
type getter struct {
	fr, outer *frame
	err       error
	kept      strings.Builder // what all strings that were taken stand in
}

// keep returns text as a string.
func (g *getter) keep(text []byte) string {
	from := g.kept.Len()
	g.kept.Write(text)
	return g.kept.String()[from:]
}

func (g *getter) fail(format string, args ...any) {
	if g.err == nil {
		g.err = &Error{Offset: g.fr.span.Start, Reason: fmt.Sprintf(format, args...)}
	}
}

// pick returns the first value that is there.
func (g *getter) pick(paths []path) (*path, *value) {
	for i := range paths {
		p := &paths[i]
		if v := &g.frameOf(p).values[p.slot]; v.there() {
			return p, v
		}
	}
	return nil, nil
}

// frameOf returns the frame that has p's values.
func (g *getter) frameOf(p *path) *frame {
	if p.name == envelopeUser {
		return g.outer
	}
	return g.fr
}

// ambiguous tells whether the value at p, or what it lies in, is there more
// than once, and fails then.
func (g *getter) ambiguous(what string, p *path) bool {
	values := g.frameOf(p).values
	i := slices.IndexFunc(p.along, func(slot int) bool { return values[slot].times > 1 })
	if i < 0 {
		return false
	}
	times := values[p.along[i]].times
	if i == len(p.along)-1 {
		g.fail("ambiguous %s: %q is there %d times", what, p.name, times)
		return true
	}
	within := strings.Join(strings.Split(p.name, ".")[:i+1], ".")
	g.fail("ambiguous %s: %q lies in %q, which is there %d times", what, p.name, within, times)
	return true
}

// id returns a required string or integer.
func (g *getter) id(what string, paths []path) string {
	id := g.optional(what, paths)
	if id == "" {
		g.fail("no %s: none of %s is there", what, quoteAll(paths))
	}
	return id
}

// optional returns a string or an integer, or "" where there is none.
func (g *getter) optional(what string, paths []path) string {
	p, v := g.pick(paths)
	switch {
	case v == nil:
		return ""
	case g.ambiguous(what, p):
	case !v.whole:
		g.fail("%s %q is longer than %d bytes", what, p.name, maxText)
	case v.first == '"':
		id, err := said(v.text)
		if err != nil {
			g.fail("%s %q is not valid UTF-8", what, p.name)
		}
		return g.keep(id)
	case isInteger(v.text):
		return g.keep(v.text)
	default:
		g.fail("%s %q is %.40s, not a string or an integer", what, p.name, v.text)
	}
	return ""
}

// time returns a time, or zero where there is none.
func (g *getter) time(paths []path) time.Time {
	p, v := g.pick(paths)
	if v == nil {
		return time.Time{}
	}
	if g.ambiguous("time", p) {
		return time.Time{}
	}
	t, err := parseTime(p, v)
	if err != nil {
		g.fail("%v", err)
	}
	return t
}

// text returns what a value says, as far as it was kept.
func (g *getter) text(paths []path) string {
	_, v := g.pick(paths)
	if v == nil {
		return ""
	}
	text := v.text
	if v.first != '"' {
		return g.keep(text)
	}
	if !v.whole {
		text = append(bytes.Clone(cutEscape(text)), '"')
	}
	text, _ = said(text) // invalid bytes are replaced
	return g.keep(text)
}
