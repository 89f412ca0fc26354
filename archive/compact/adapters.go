package compact

import (
	"bytes"
	"slices"

	"logstow/layout/jobfile"
)

const (
	maxAdapters    = 100 // of a job
	maxAdapterName = 200 // bytes
)

// adapterMember is the member of a step that names its adapter.
var adapterMember = []byte(`"adapter_name"`)

// adapters returns the names that a job's members called adapter_name have, sorted,
// each once: the first hundred. Reading the lines as JSON would take longer than all
// else; so a member of that name that is not a step's counts too, and those in a
// text within the record, or with escapes in them, don't.
func adapters(kind string, doc []byte) []string {
	if kind != string(jobfile.Job) {
		return nil
	}
	var names []string
	for len(names) < maxAdapters {
		i := bytes.Index(doc, adapterMember)
		if i < 0 {
			break
		}
		doc = doc[i+len(adapterMember):]
		name := textAfterColon(doc)
		if len(name) == 0 || slices.ContainsFunc(names, func(n string) bool { return n == string(name) }) {
			continue
		}
		names = append(names, string(name))
	}
	slices.Sort(names)
	return names
}

// textAfterColon returns the text that b begins with, after a colon; nil where there
// is none, or it is too long or has escapes.
func textAfterColon(b []byte) []byte {
	b, ok := bytes.CutPrefix(skipSpace(b), []byte{':'})
	if !ok {
		return nil
	}
	if b, ok = bytes.CutPrefix(skipSpace(b), []byte{'"'}); !ok {
		return nil
	}
	end := bytes.IndexByte(b[:min(len(b), maxAdapterName+1)], '"')
	if end < 0 || bytes.IndexByte(b[:end], '\\') >= 0 {
		return nil
	}
	return b[:end]
}

func skipSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\n' || b[0] == '\r') {
		b = b[1:]
	}
	return b
}
