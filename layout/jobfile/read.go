package jobfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxText  = 4 << 10 // bytes of JSON that are kept of a captured value
	maxTimes = 100     // how often a member may be there whose every place is kept
)

// Reader reads records. It is safe for concurrent use.
type Reader struct {
	shapes    []*shape
	plan      *plan
	envelopes bool   // records may come in Workato's envelopes
	user      string // of every record, where not empty
	windows   sync.Pool
	values    sync.Pool // of *[]value, one for each slot, all zero
}

// NewReader returns a reader of the records that c describes. The error names
// the field that is missing from a field map.
func NewReader(c Config) (*Reader, error) {
	r := &Reader{shapes: builtin(), envelopes: true, user: c.User}
	if f := c.Fields; f != nil {
		for _, need := range []struct{ key, path string }{
			{"user_id", f.UserID + c.User},
			{"recipe_id", f.RecipeID},
			{"job_id", f.JobID},
			{"completed_at or started_at", f.CompletedAt + f.StartedAt},
		} {
			if need.path == "" {
				return nil, fmt.Errorf("field map: %s is missing", need.key)
			}
		}
		if err := f.checkLines(c.User); err != nil {
			return nil, err
		}
		r.shapes, r.envelopes = []*shape{custom(f)}, false
	}
	r.plan = newPlan(r.shapes)
	r.windows.New = func() any { return new([windowSize]byte) }
	r.values.New = func() any {
		values := make([]value, len(r.plan.slots))
		return &values
	}
	return r, nil
}

// value is what a walk found at a path.
type value struct {
	first byte   // of its text; 0 where the path is not there
	text  []byte // the first maxText bytes
	whole bool   // text is all of it
	times int    // how often the path is there
	spans []Span // of lines: where; else empty
	count int64  // of lines: how many
}

// there tells whether the value says anything.
func (v *value) there() bool {
	return v.first != 0 && v.first != 'n' && !(v.whole && string(v.text) == `""`)
}

// frame is one object that may be a record: all of it, or the part that an
// envelope holds.
type frame struct {
	values []value // by slot
	pooled *[]value
	span   Span
	name   string // of the envelope's member; empty for the whole
}

// found is everything that a walk over a record found.
type found struct {
	whole    frame
	inner    []frame // what envelopes hold as objects
	message  Span    // log_message, where it is the text of an object
	copies   []textMember
	repeated string // a member of the envelope that is there twice
}

// Read reads the record that is the first size bytes of data. White space may
// stand around it. An error is an *Error, for a record that is to be
// quarantined, or data's own.
func (r *Reader) Read(data io.ReaderAt, size int64) (Info, error) {
	window := r.windows.Get().(*[windowSize]byte)
	defer r.windows.Put(window)

	f, err := r.find(walk(data, size, window[:]))
	if err != nil {
		return Info{}, err
	}
	defer r.release(f)
	fr, s, err := r.choose(f)
	if err != nil {
		return Info{}, err
	}
	text := fr == nil
	if text {
		if fr, s, err = r.lookInside(data, f.message, window[:]); err != nil {
			return Info{}, err
		}
	}
	info, err := r.interpret(fr, s, &f.whole)
	if err != nil {
		return Info{}, err
	}
	info.shape, info.name, info.inner, info.text = s, fr.name, fr.span, text
	switch {
	case text:
		info.within, info.spans, info.Lines = info.spans, nil, Span{}
		info.copies = slices.DeleteFunc(f.copies, func(c textMember) bool { return c.span == fr.span })
	case fr.name != "":
		info.copies = f.copies
	}
	if info.InputHash, err = hash(data, info.inner); err != nil {
		return Info{}, err
	}
	if info.Job == "" {
		info.Job = hex.EncodeToString(info.InputHash[:16])
	}
	return info, nil
}

// hash returns the SHA-256 of a part of data.
func hash(data io.ReaderAt, s Span) (sum [sha256.Size]byte, err error) {
	if m, ok := data.(Memory); ok {
		return sha256.Sum256(m[s.Start:s.End]), nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(data, s.Start, s.Len())); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
}

// find walks over a whole record.
func (r *Reader) find(w *walker) (*found, error) {
	f := &found{}
	c, err := w.peek()
	if err != nil {
		return nil, err
	}
	if c != '{' {
		return nil, &Error{Offset: w.offset(), Reason: "not a JSON object"}
	}
	f.whole = r.newFrame("")
	f.whole.span.Start = w.offset()
	err = w.object(func(name []byte) error { return r.member(w, f, name) })
	if err != nil {
		return nil, err
	}
	f.whole.span.End = w.offset()
	if c, err = w.peek(); err == nil {
		return nil, w.wrong(c, "after the record")
	}
	if !w.ended {
		return nil, err
	}
	return f, nil
}

func (r *Reader) newFrame(name string) frame {
	values := r.values.Get().(*[]value)
	return frame{values: *values, pooled: values, name: name}
}

// release gives back what find took. Nothing of f may be used any more.
func (r *Reader) release(f *found) {
	clear(f.whole.values)
	r.values.Put(f.whole.pooled)
	for _, fr := range f.inner {
		clear(fr.values)
		r.values.Put(fr.pooled)
	}
}

// member passes a member of the outermost object.
func (r *Reader) member(w *walker, f *found, name []byte) error {
	kid := r.plan.root.kids[string(name)]
	if !r.envelopes {
		return w.collect(kid, f.whole.values)
	}
	switch name := string(name); name {
	case "log", "Log", "log_message":
		c, err := w.peek()
		switch {
		case err != nil:
			return err
		case c == '{':
			return r.enclosed(w, f, name)
		case name == "log_message":
			return r.copy(w, f, name)
		}
	case "Log_Str":
		return r.copy(w, f, name)
	case envelopeUser[1:]:
		kid = r.plan.root.kids[envelopeUser]
	}
	return w.collect(kid, f.whole.values)
}

// enclosed passes the object that an envelope's member holds.
func (r *Reader) enclosed(w *walker, f *found, name string) error {
	if f.holds(name) {
		f.repeated = name
		return w.skip()
	}
	fr := r.newFrame(name)
	fr.span.Start = w.offset()
	err := w.object(func(name []byte) error {
		return w.collect(r.plan.root.kids[string(name)], fr.values)
	})
	fr.span.End = w.offset()
	f.inner = append(f.inner, fr)
	return err
}

// copy passes a member of an envelope that may be a record as text.
func (r *Reader) copy(w *walker, f *found, name string) error {
	if _, err := w.peek(); err != nil {
		return err
	}
	span := Span{Start: w.offset()}
	text, _, err := w.value(256)
	if err != nil {
		return err
	}
	span.End = w.offset()
	if len(text) < 2 || text[0] != '"' || !bytes.HasPrefix(bytes.TrimLeft(text[1:], " "), []byte("{")) {
		return nil
	}
	if name == "log_message" {
		if f.holds(name) {
			f.repeated = name
			return nil
		}
		f.message = span
	}
	if len(f.copies) == maxTimes {
		return tooOften(span.Start, name)
	}
	f.copies = append(f.copies, textMember{name, span})
	return nil
}

// holds tells whether the envelope's member called name was there already, as a
// record or as its text.
func (f *found) holds(name string) bool {
	if name == "log_message" && f.message != (Span{}) {
		return true
	}
	return slices.ContainsFunc(f.inner, func(fr frame) bool { return fr.name == name })
}

func tooOften(at int64, name string) error {
	return &Error{Offset: at, Reason: fmt.Sprintf("%q is there more than %d times", name, maxTimes)}
}

// collect passes one value and keeps what n's paths ask of it. n is nil where
// they ask nothing. Of a member that is there more than once it keeps the last
// value that says anything.
func (w *walker) collect(n *node, values []value) error {
	if n == nil {
		return w.skip()
	}
	c, err := w.peek()
	if err != nil {
		return err
	}
	start := w.offset()
	var v value
	switch {
	case c == '{' && n.kids != nil:
		v.count = -1
		err = w.object(func(name []byte) error { return w.collect(n.kids[string(name)], values) })
	case n.count:
		v.count, err = w.lines(c)
	default:
		v.text, v.whole, err = w.value(maxText)
		if w.src != nil {
			v.text = bytes.Clone(v.text)
		}
	}
	if err != nil {
		return err
	}
	old := &values[n.slot]
	v.first, v.times, v.spans = c, old.times+1, old.spans
	if n.count {
		if len(v.spans) == maxTimes {
			return tooOften(start, n.name)
		}
		v.spans = append(v.spans, Span{start, w.offset()})
	}
	if !v.there() && old.there() {
		v.first, v.text, v.whole = old.first, old.text, old.whole
	}
	*old = v
	return nil
}

// choose returns the frame that is the record, and its shape; a nil frame
// means that it is the text in f.message.
func (r *Reader) choose(f *found) (*frame, *shape, error) {
	if s := r.match(&f.whole); s != nil {
		return &f.whole, s, nil
	}
	if f.repeated != "" {
		return nil, nil, &Error{Reason: fmt.Sprintf("ambiguous: %q is there more than once", f.repeated)}
	}
	var fr *frame
	var s *shape
	for i := range f.inner {
		if m := r.match(&f.inner[i]); m != nil {
			if s != nil {
				return nil, nil, &Error{Reason: fmt.Sprintf("ambiguous: a record in %q and another in %q", fr.name, f.inner[i].name)}
			}
			fr, s = &f.inner[i], m
		}
	}
	switch {
	case s != nil:
		return fr, s, nil
	case len(f.inner) == 0 && f.message != (Span{}):
		return nil, nil, nil
	}
	return nil, nil, &Error{Reason: "not a record of a known kind: it has neither a job's identity (such as id with recipe_id) nor an event's (such as event with timestamp)"}
}

// match returns the first shape whose signs are all there.
func (r *Reader) match(fr *frame) *shape {
next:
	for _, s := range r.shapes {
		for _, group := range s.signs {
			if !r.anyThere(fr, group) {
				continue next
			}
		}
		return s
	}
	return nil
}

func (r *Reader) anyThere(fr *frame, paths []string) bool {
	for _, p := range paths {
		if fr.values[r.plan.slots[p]].there() {
			return true
		}
	}
	return false
}

// lookInside reads the record that a string holds. Its frame's span is the
// string; the spans of its lines count from the start of what the string says.
func (r *Reader) lookInside(data io.ReaderAt, s Span, window []byte) (*frame, *shape, error) {
	inside, err := r.find(walkReader(unquote(data, s), window))
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			return nil, nil, &Error{Offset: s.Start, Reason: "the text in log_message: " + e.Reason}
		}
		return nil, nil, err
	}
	shape := r.match(&inside.whole)
	if shape == nil {
		return nil, nil, &Error{Offset: s.Start, Reason: "the text in log_message is not a record of a known kind"}
	}
	inside.whole.span, inside.whole.name = s, "log_message"
	return &inside.whole, shape, nil
}

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

// IsJSON tells whether data is one JSON value and nothing else.
func IsJSON(data io.ReaderAt, size int64) bool {
	w := walk(data, size, make([]byte, windowSize))
	if w.skip() != nil {
		return false
	}
	_, err := w.peek()
	return err != nil && w.ended
}
