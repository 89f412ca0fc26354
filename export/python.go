package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"logstow/layout/jobfile"
)

// pythonHead is what the Python file of an ION run begins with. Nothing of the
// record stands outside of a literal before its code.
const pythonHead = `# The execution log of an ION action. Run it with python3: the code below is
# what ran, with the context and the metadata of that run in front of it.

`

// pythonFile returns a Python file that runs the code of an ION record. It sets
// metadata and context to what the record has beside the code, and goes on with
// the code as it was. ok is false where the record has no code.
func pythonFile(record []byte) (file []byte, ok bool) {
	code, isCode := jobfile.Member(record, "code")
	if !isCode || len(code) == 0 || code[0] != '"' {
		return nil, false
	}
	context, isContext := jobfile.Member(record, "context")
	if !isContext {
		context = []byte("null")
	}
	b := []byte(pythonHead)
	b = append(b, "metadata = "...)
	b = appendLoads(b, metadata(record))
	b = append(b, "\ncontext = "...)
	b = appendLoads(b, context)
	text := jobfile.AppendText(nil, code)
	if !runsInFile(text) {
		b = append(b, "\n# The code can't stand in a file as it is.\nexec(compile("...)
		b = appendLoads(b, code)
		return append(b, ", __file__, \"exec\"))\n"...), true
	}
	b = append(b, "\n# --- the code ---\n"...)
	b = append(b, text...)
	if !bytes.HasSuffix(text, []byte{'\n'}) {
		b = append(b, '\n')
	}
	return b, true
}

// runsInFile tells whether code does the same in the middle of a file of UTF-8
// as alone: it has nothing that such a file can't hold (half a surrogate pair
// reads as U+FFFD), and nothing that must come first in its file.
func runsInFile(code []byte) bool {
	return utf8.Valid(code) &&
		!bytes.ContainsAny(code, "\x00\r\f\uFFFD\uFEFF") &&
		!bytes.Contains(code, []byte("__future__")) &&
		!bytes.Contains(code, []byte("__doc__"))
}

// metadata is the record without its code and its context, in its order.
func metadata(record []byte) []byte {
	var members []string
	values := map[string]json.RawMessage{}
	d := json.NewDecoder(bytes.NewReader(record))
	if _, err := d.Token(); err != nil {
		return []byte("{}")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			break
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			break
		}
		n := fmt.Sprint(name)
		if values[n] == nil && n != "code" && n != "context" {
			members = append(members, n)
		}
		values[n] = value
	}
	return metadataOf(members, values)
}

func metadataOf(members []string, values map[string]json.RawMessage) []byte {
	b := []byte("{")
	for i, name := range members {
		b = append(b, "\n  "...)
		b = append(appendQuoted(b, name), ": "...)
		b = append(b, values[name]...)
		if i < len(members)-1 {
			b = append(b, ',')
		}
	}
	return append(b, "\n}"...)
}

// appendLoads appends a Python expression for a JSON value. It is ASCII and
// whatever the value holds stays within its literals.
func appendLoads(b, value []byte) []byte {
	b = append(b, "__import__(\"json\").loads(\n"...)
	for line := range bytes.Lines(value) {
		for part := range slices.Chunk([]rune(string(line)), longestLiteral) {
			b = append(b, "    '"...)
			for _, r := range part {
				b = appendPython(b, r)
			}
			b = append(b, "'\n"...)
		}
	}
	return append(b, ')')
}

// longestLiteral is how many characters of a value one literal has.
const longestLiteral = 4 << 10

// appendPython appends a character as it stands in a Python literal in single
// quotes.
func appendPython(b []byte, r rune) []byte {
	switch {
	case r == '\n':
		return append(b, '\\', 'n')
	case r == '\'' || r == '\\':
		return append(b, '\\', byte(r))
	case r >= ' ' && r < 0x7f:
		return append(b, byte(r))
	case r <= 0xffff:
		return fmt.Appendf(b, `\u%04x`, r)
	default:
		return fmt.Appendf(b, `\U%08x`, r)
	}
}
