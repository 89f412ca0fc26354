package jobfile

import (
	"bytes"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// interpret says what the record in fr, of shape s, is. outer is all of it,
// the envelope included.
func (r *Reader) interpret(fr *frame, s *shape, outer *frame) (Info, error) {
	info := Info{Kind: s.kind, Platform: s.platform, LineCount: -1}
	get := getter{r: r, fr: fr, outer: outer}
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
		if v := &fr.values[r.plan.slots[path]]; v.first != 0 {
			info.spans = v.spans
			info.Lines = v.spans[len(v.spans)-1]
			info.LineCount = v.count
		}
	}
	return info, get.err
}

// getter takes values out of a frame and keeps the first error.
type getter struct {
	r         *Reader
	fr, outer *frame
	err       error
}

func (g *getter) fail(format string, args ...any) {
	if g.err == nil {
		g.err = &Error{Offset: g.fr.span.Start, Reason: fmt.Sprintf(format, args...)}
	}
}

// pick returns the first value that is there.
func (g *getter) pick(paths []string) (string, *value) {
	for _, p := range paths {
		fr, slot := g.fr, g.r.plan.slots[p]
		if p == envelopeUser {
			fr = g.outer
		}
		if v := &fr.values[slot]; v.there() {
			return p, v
		}
	}
	return "", nil
}

// ambiguous tells whether the value at path, or what it lies in, is there more
// than once, and fails then.
func (g *getter) ambiguous(what, path string) bool {
	fr := g.fr
	if path == envelopeUser {
		fr = g.outer
	}
	for end := range steps(path) {
		part := path[:end]
		switch times := fr.values[g.r.plan.slots[part]].times; {
		case times < 2:
			continue
		case part == path:
			g.fail("ambiguous %s: %q is there %d times", what, path, times)
		default:
			g.fail("ambiguous %s: %q lies in %q, which is there %d times", what, path, part, times)
		}
		return true
	}
	return false
}

// id returns a required string or integer.
func (g *getter) id(what string, paths []string) string {
	id := g.optional(what, paths)
	if id == "" {
		g.fail("no %s: none of %s is there", what, quoteAll(paths))
	}
	return id
}

// optional returns a string or an integer, or "" where there is none.
func (g *getter) optional(what string, paths []string) string {
	path, v := g.pick(paths)
	switch {
	case v == nil:
		return ""
	case g.ambiguous(what, path):
	case !v.whole:
		g.fail("%s %q is longer than %d bytes", what, path, maxText)
	case v.first == '"':
		id, err := jsontext.AppendUnquote(nil, v.text)
		if err != nil {
			g.fail("%s %q is not valid UTF-8", what, path)
		}
		return string(id)
	case isInteger(v.text):
		return string(v.text)
	default:
		g.fail("%s %q is %.40s, not a string or an integer", what, path, v.text)
	}
	return ""
}

// time returns a time, or zero where there is none.
func (g *getter) time(paths []string) time.Time {
	path, v := g.pick(paths)
	if v == nil {
		return time.Time{}
	}
	if g.ambiguous("time", path) {
		return time.Time{}
	}
	t, err := parseTime(path, v)
	if err != nil {
		g.fail("%v", err)
	}
	return t
}

// text returns what a value says, as far as it was kept.
func (g *getter) text(paths []string) string {
	_, v := g.pick(paths)
	if v == nil || v.first != '"' {
		if v == nil {
			return ""
		}
		return string(v.text)
	}
	text := v.text
	if !v.whole {
		text = append(bytes.Clone(cutEscape(text)), '"')
	}
	s, _ := jsontext.AppendUnquote(nil, text) // invalid bytes are replaced
	return string(s)
}
