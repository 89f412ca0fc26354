package jobfile

import (
	"bytes"
	"io"
	"strings"
)

// rule says what a rewrite does with a value: drop its member, look inside, or
// write something instead.
type rule struct {
	drop     bool
	members  map[string]*rule
	elements *rule
	instead  func(io.Writer) error // of the value at the offset at alone
	at       int64
}

// add makes r drop the member at path.
func (r *rule) add(path string) {
	for name := range strings.SplitSeq(path, ".") {
		if r.members[name] == nil {
			if r.members == nil {
				r.members = map[string]*rule{}
			}
			r.members[name] = &rule{}
		}
		r = r.members[name]
	}
	r.drop = true
}

// duplicates are the members of a job that Workato removed in September 2024
// (activity audit log reference, "Duplicate entries removed from full job
// details"; "repeated_count" there is "repeat_count" in its records).
var duplicates = [...]string{
	"parent_id",
	"context.repeated_job", "context.job_created_at", "context.job_id", "context.master_job_id",
	"context.calling_recipe_id", "context.calling_job_id", "context.is_repeat",
	"context.repeated_count", "context.repeat_count", "context.parent_job_id",
}

// rules returns what a level of detail drops from a record of shape s.
func (s *shape) rules(d Detail) *rule {
	r := &rule{}
	switch {
	case d == StatusOnly:
		for _, path := range s.lines {
			r.add(path.name)
		}
	case d == Deduplicated && s.platform == "workato":
		for _, path := range duplicates {
			r.add(path)
		}
		line := &rule{}
		line.add("line_stat")
		r.members["lines"] = &rule{elements: line}
	}
	return r
}

// Rewrite writes the record at the given level of detail: at Full as it is, at
// the others without the members that the level drops and without the
// envelope's copy of the record as text. info is what Read said of the same
// data. What is kept stays as it came, but for white space beside members that
// go, and of more than 512 bytes before others. Events have no levels and are
// written as they are.
func Rewrite(w io.Writer, data io.ReaderAt, size int64, info Info, d Detail) error {
	if d == Full || d == "" || info.Kind != Job {
		_, err := io.Copy(w, io.NewSectionReader(data, 0, size))
		return err
	}
	rules := info.shape.rules(d)
	if info.text {
		within := rules
		rules = &rule{at: info.inner.Start, instead: func(w io.Writer) error {
			return asText(w, func(w io.Writer) error {
				in := walkReader(unquote(data, info.inner), make([]byte, windowSize))
				in.tap = w
				return in.rewrite(within)
			})
		}}
	}
	if info.name != "" {
		rules = &rule{members: map[string]*rule{info.name: rules}}
		for _, c := range info.copies {
			rules.add(c.name)
		}
	}
	wk := walk(data, size, make([]byte, windowSize))
	wk.tap = w
	return wk.rewrite(rules)
}

// rewrite passes one value and writes to tap what the rule leaves of it.
func (w *walker) rewrite(r *rule) error {
	c, err := w.peek()
	switch {
	case err != nil:
		return err
	case r != nil && r.instead != nil && w.offset() == r.at:
		out := w.tap
		w.tap = nil
		err := w.skip()
		if w.tap = out; err != nil {
			return err
		}
		return r.instead(out)
	case r != nil && c == '{' && r.members != nil:
		return w.rewriteObject(r)
	case r != nil && c == '[' && r.elements != nil:
		return w.array(func() error { return w.rewrite(r.elements) })
	}
	return w.skip()
}

func (w *walker) rewriteObject(r *rule) error {
	out := w.tap
	defer func() { w.tap = out }()
	if err := w.pass(1); err != nil {
		return err
	}
	kept := false
	for first := true; ; first = false {
		before := &pending{out: out, comma: kept}
		w.tap = before
		more, err := w.element('}', first)
		if err != nil {
			return err
		}
		if !more {
			before.comma = true
			return before.release()
		}
		before.naming = true
		name, err := w.name()
		if err != nil {
			return err
		}
		member := r.members[string(name)]
		if member != nil && member.drop {
			w.tap = nil
			if err := w.skip(); err != nil {
				return err
			}
			continue
		}
		if err := before.release(); err != nil {
			return err
		}
		kept = true
		w.tap = out
		if err := w.rewrite(member); err != nil {
			return err
		}
	}
}

// pending holds back what stands before a member's value until it is known
// whether the member stays: white space, a comma, the name and its colon. It
// is bounded: of much white space it keeps a part, and a name that is longer
// than maxName can't be one that is dropped, so it is held back no more.
type pending struct {
	out      io.Writer
	comma    bool // a comma is due
	naming   bool // the name has begun
	released bool
	space    []byte // before the name, comma included
	name     []byte // and all after it
}

func (p *pending) Write(b []byte) (int, error) {
	switch {
	case p.released:
		return p.out.Write(b)
	case !p.naming:
		if len(p.space)+len(b) <= maxName || len(b) == 1 {
			p.space = append(p.space, b...)
		}
	case len(p.name)+len(b) > 2*maxName:
		if err := p.release(); err != nil {
			return 0, err
		}
		return p.out.Write(b)
	default:
		p.name = append(p.name, b...)
	}
	return len(b), nil
}

// release writes what was held back.
func (p *pending) release() error {
	if p.released {
		return nil
	}
	p.released = true
	space := p.space
	if i := bytes.IndexByte(space, ','); i >= 0 && !p.comma {
		space = space[i+1:]
	}
	if _, err := p.out.Write(space); err != nil {
		return err
	}
	_, err := p.out.Write(p.name)
	return err
}
