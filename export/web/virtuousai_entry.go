package web

import (
	"strconv"
	"unicode/utf8"

	"logstow/layout/jobfile"
)

// entry makes the JSON of log entries, one after the other, each on one line
// and in the pieces that it comes in. VirtuousAI's own are as they were stored;
// of the lines of other platforms it makes entries with the same members.
type entry struct {
	own bool // the record is VirtuousAI's

	open    bool // an entry has begun
	stored  bool // it is one of VirtuousAI's own
	data    bool // it has data, which goes on
	message []byte
	compact compactor
}

func newEntry(info jobfile.Info) *entry { return &entry{own: info.Platform == "virtuousai"} }

// append appends an entry, or the piece of it that line is.
func (e *entry) append(dst []byte, line jobfile.Line) []byte {
	if !e.open {
		dst = e.begin(dst, line)
	}
	switch {
	case e.stored:
		dst = e.compact.append(dst, line.Raw)
	case e.data:
		dst = e.compact.append(dst, line.Raw)
		if len(e.message) < jobfile.MaxLine {
			e.message = append(e.message, line.Message...)
		}
	default:
		dst = appendQuoted(dst, line.Message)
	}
	if e.open = line.More; !e.open {
		dst = e.end(dst)
	}
	return dst
}

// begin begins an entry. What is a JSON value goes into data; its message
// comes after it then.
func (e *entry) begin(dst []byte, line jobfile.Line) []byte {
	object := !line.Text && len(line.Raw) > 0 && line.Raw[0] == '{'
	e.open, e.message, e.compact = true, e.message[:0], compactor{}
	if e.stored = e.own && object; e.stored {
		return dst
	}
	dst = append(dst, `{"id":"`...)
	dst = strconv.AppendInt(dst, line.Index, 10)
	dst = append(dst, `","level":"`...)
	dst = append(dst, virtuousLevel(line.Level)...)
	dst = append(dst, `","event":"`...)
	dst = appendQuoted(dst, line.Event)
	dst = append(dst, `","worker_id":null,"attempt":null,"occurred_at":`...)
	if line.Time.IsZero() {
		dst = append(dst, `null`...)
	} else {
		dst = line.Time.UTC().AppendFormat(dst, `"2006-01-02T15:04:05.999999999Z07:00"`)
	}
	if e.data = !line.Text; e.data {
		return append(dst, `,"data":`...)
	}
	return append(dst, `,"data":null,"message":"`...)
}

// end ends an entry.
func (e *entry) end(dst []byte) []byte {
	if e.stored {
		return dst
	}
	if e.data {
		dst = append(dst, `,"message":"`...)
		dst = appendQuoted(dst, e.message)
	}
	return append(dst, `"}`...)
}

// virtuousLevel is a level in VirtuousAI's words, which are three.
func virtuousLevel(l jobfile.Level) string {
	switch {
	case l >= jobfile.ErrorLevel:
		return "error"
	case l >= jobfile.Warn:
		return "warning"
	default:
		return "info"
	}
}

// appendQuoted appends text as the inside of a JSON string. What is no UTF-8
// becomes U+FFFD.
func appendQuoted(dst, text []byte) []byte {
	const hex = "0123456789abcdef"
	for len(text) > 0 {
		switch c := text[0]; {
		case c == '"' || c == '\\':
			dst, text = append(dst, '\\', c), text[1:]
		case c == '\n':
			dst, text = append(dst, `\n`...), text[1:]
		case c < ' ':
			dst, text = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15]), text[1:]
		case c < utf8.RuneSelf:
			dst, text = append(dst, c), text[1:]
		default:
			r, n := utf8.DecodeRune(text)
			dst, text = utf8.AppendRune(dst, r), text[n:]
		}
	}
	return dst
}

// compactor removes the white space around the tokens of JSON that comes in
// pieces. What it appends holds no line end, even where a string wrongly does.
type compactor struct {
	inString, escaped bool
}

func (c *compactor) append(dst, piece []byte) []byte {
	for _, b := range piece {
		switch {
		case b == '\n' && c.inString:
			dst = append(dst, `\n`...)
		case b == '\r' && c.inString:
			dst = append(dst, `\r`...)
		case c.inString || b != ' ' && b != '\t' && b != '\n' && b != '\r':
			dst = append(dst, b)
		}
		switch {
		case c.escaped:
			c.escaped = false
		case c.inString && b == '\\':
			c.escaped = true
		case b == '"':
			c.inString = !c.inString
		}
	}
	return dst
}
