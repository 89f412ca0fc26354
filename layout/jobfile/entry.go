package jobfile

import (
	"bytes"
	"slices"

	"logstow/layout/jsonskip"
)

// part is the value of one member of an entry.
type part struct {
	text  []byte // as it stands there; the first maxText bytes where it is not whole
	whole bool
	span  Span // where it is, if it is not whole
}

// there tells whether the part says anything.
func (p part) there() bool {
	return len(p.text) > 0 && p.text[0] != 'n' && string(p.text) != `""`
}

func (p part) isText() bool { return len(p.text) > 0 && p.text[0] == '"' }

// appendTo appends what the part says to dst, as far as it was kept.
func (p part) appendTo(dst []byte) []byte {
	if p.isText() && !p.whole {
		return appendInside(dst, cutEscape(p.text[1:]))
	}
	return AppendText(dst, p.text)
}

// simple is what the part says, where that stands in it without escapes.
func (p part) simple() (text []byte, ok bool) {
	if !p.isText() || !p.whole {
		return p.text, p.whole
	}
	text = p.text[1 : len(p.text)-1]
	return text, bytes.IndexByte(text, '\\') < 0
}

// member is the first of the object's members that says anything.
func (p part) member(names ...string) part {
	for _, name := range names {
		if value, ok := Member(p.text, name); ok {
			if m := (part{text: value, whole: true}); m.there() {
				return m
			}
		}
	}
	return part{}
}

// entry is one entry that is being told. Its message is what was composed and
// then what the body says; without either it is the entry as it stands.
type entry struct {
	form  *form
	parts []part // by slot of the form

	line     Line
	members  [][]byte // what line.Members is, where there are any
	body     part
	event    []byte // what line.Event may point to
	composed []byte
	data     []byte // what the body may point to
}

// reset makes e ready for the next entry.
func (e *entry) reset() {
	clear(e.parts)
	e.body = part{}
	e.event, e.composed, e.data = e.event[:0], e.composed[:0], e.data[:0]
}

// collect takes what the form asks for out of a whole object.
func (e *entry) collect(raw []byte) {
	for m := membersOf(raw); m.next(); {
		if i := e.form.slot(m.name); i >= 0 {
			e.parts[i] = part{text: m.value, whole: true}
		}
	}
}

// collectWhole is collect for the object that b begins with. It returns its
// length; 0 where it is not wholly in b, or not as plain as most are.
func (e *entry) collectWhole(b []byte) int {
	m := membersOf(b)
	if i := afterSpace(b, m.pos); i < len(b) && b[i] == ',' {
		return 0
	}
	for m.next() {
		if i := e.form.slot(m.name); i >= 0 {
			e.parts[i] = part{text: m.value, whole: true}
		}
		if !isValue(m.value) {
			return 0
		}
		i := afterSpace(b, m.pos)
		if i < len(b) && b[i] == '}' {
			return i + 1
		}
		if i >= len(b) || b[i] != ',' {
			return 0
		}
	}
	return 0
}

// isValue tells whether a value that was only looked for its end is one of
// JSON.
func isValue(value []byte) bool {
	switch c := value[0]; {
	case c == '"', c == '{', c == '[':
		return true // these were skipped as what they are
	case '1' <= c && c <= '9' && afterDigits(value) == len(value):
		return true
	}
	n, err := jsonskip.Value(value)
	return err == nil && n == len(value)
}

// afterDigits is how many digits text begins with.
func afterDigits(text []byte) int {
	n := 0
	for n < len(text) && '0' <= text[n] && text[n] <= '9' {
		n++
	}
	return n
}

// answer gives the line the members that were asked for.
func (e *entry) answer() {
	for i, slot := range e.form.asked {
		e.members[i] = nil
		if p := e.parts[slot]; p.whole {
			e.members[i] = p.text
		}
	}
	e.line.Members = e.members
}

// tell fills in the line from the parts, and what its message is made of.
func (e *entry) tell() {
	f, rest := e.form, e.parts
	next := func(names []string) part {
		these := rest[:len(names)]
		rest = rest[len(names):]
		if i := slices.IndexFunc(these, part.there); i >= 0 {
			return these[i]
		}
		return part{}
	}
	if at := next(f.time); at.whole {
		e.line.Time = lineTime(at.text)
	}
	if level, ok := next(f.level).simple(); ok {
		e.line.Level = levelOf(bytes.TrimSpace(level))
	}
	if event := next(f.event); event.there() {
		var ok bool
		if e.line.Event, ok = event.simple(); !ok {
			e.event = event.appendTo(e.event)
			e.line.Event = e.event
		}
	}
	e.body = next(f.message)
	if f.tell != nil {
		f.tell(e)
	}
}

// part is the value of the member called name, which the form asks for.
func (e *entry) part(name string) part {
	return e.parts[slices.Index(e.form.names, name)]
}

// say adds what a part says to what was composed, with a word before it.
func (e *entry) say(word string, p part) {
	if !p.there() {
		return
	}
	if len(e.composed) > 0 {
		e.composed = append(e.composed, ' ')
	}
	if word != "" {
		e.composed = append(append(e.composed, word...), ' ')
	}
	e.composed = p.appendTo(e.composed)
}

// within makes the message that data holds, an object or the text of one, the
// body.
func (e *entry) within(data part) bool {
	if data.isText() {
		if !data.whole {
			return false
		}
		e.data = AppendText(e.data, data.text)
		data.text = e.data
	}
	message := data.member("message")
	if !message.isText() {
		message = data.member("output").member("message")
	}
	if !message.isText() {
		message = data.member("error_message")
	}
	if message.isText() {
		e.body = message
	}
	return message.isText()
}

// message is what is to be shown of a whole entry that stands in raw.
func (e *entry) message(raw []byte) []byte {
	if len(e.composed) == 0 {
		if !e.body.there() {
			return raw
		}
		if text, ok := e.body.simple(); ok {
			return text
		}
	}
	e.composed = e.body.appendTo(e.composed)
	return e.composed
}

// withoutNewline is a message without the newlines at its end.
func withoutNewline(message []byte) []byte { return bytes.TrimRight(message, "\r\n") }
