package jobfile

import "bytes"

// step tells a step of a Workato job: "step 3 salesforce.search_sobjects", and
// its error where it has one.
func step(e *entry) {
	number, adapter, operation, failure := e.part("recipe_line_number"), e.part("adapter_name"), e.part("adapter_operation"), e.part("error")
	if adapter.there() {
		e.event = adapter.appendTo(e.event)
	}
	if operation.there() {
		if len(e.event) > 0 {
			e.event = append(e.event, '.')
		}
		e.event = operation.appendTo(e.event)
	}
	e.line.Event = e.event
	e.say("step", number)
	if len(e.event) > 0 {
		if len(e.composed) > 0 {
			e.composed = append(e.composed, ' ')
		}
		e.composed = append(e.composed, e.event...)
	}
	switch string(failure.text) {
	case "false", "{}", "[]":
		return
	}
	if failure.there() {
		e.line.Level = ErrorLevel
		e.body = failure
		if len(e.composed) > 0 {
			e.composed = append(e.composed, ": "...)
		}
	}
}

// activity tells who did what: "recipe_stopped Flow Sample Logger by Taylor".
func activity(e *entry) {
	e.composed = append(e.composed, e.line.Event...)
	resource, user := e.part("resource"), e.part("user")
	e.say("", resource.member("type"))
	e.say("", e.part("resource_project_name"))
	e.say("", resource.member("name", "file_name", "path", "email", "id"))
	e.say("to", e.part("resource_target_environment"))
	who := user.member("name", "email", "id")
	for _, name := range [...]string{"resource_performed_by", "user_name"} {
		if !who.there() {
			who = e.part(name)
		}
	}
	e.say("by", who)
}

// logged tells an entry of Workato's logging service, whose message is in its
// data, which is an object or the text of one.
func logged(e *entry) {
	data := e.part("data")
	if e.body.there() || e.within(data) {
		return
	}
	if e.body = data; !data.there() {
		e.body = e.part("operation")
	}
}

// genie tells a step of an agent's conversation: what was said, else what it
// is about, a tool, a model, a job or the agent, and how that ended.
func genie(e *entry) {
	data := e.part("data")
	if e.within(data) {
		return
	}
	if data.isText() && data.there() {
		e.body = data
		return
	}
	for _, name := range [...]string{"tool_name", "model_name", "job_id", "genie_run_trigger", "genie_handle"} {
		if p := e.part(name); p.there() {
			e.say("", e.part("event_type"))
			e.say("", p)
			e.say("", e.part("call_result"))
			return
		}
	}
}

// ion tells a run of ION's: its validation message, which is an error where
// Python or the like raised it; else what ran against what.
func ion(e *entry) {
	if e.body.there() {
		if raised(e.body.text) {
			e.line.Level = ErrorLevel
		}
		return
	}
	if e.part("target").there() {
		e.say("", e.part("event"))
		e.say("", e.part("target"))
		e.say("", e.part("targetRecordId"))
		e.say("by", e.part("triggeredBy"))
	}
}

// raised tells whether a message, a JSON string or its beginning, is that of an
// exception: a traceback, or a name that ends in Error or Exception before
// anything but a name's characters.
func raised(text []byte) bool {
	text = bytes.TrimLeft(bytes.TrimPrefix(text, []byte{'"'}), " ")
	if bytes.HasPrefix(text, []byte("Traceback (most recent call last)")) {
		return true
	}
	end := bytes.IndexFunc(text, func(r rune) bool {
		return r != '_' && r != '.' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	if end < 0 {
		end = len(text)
	}
	name := text[:end]
	return bytes.HasSuffix(name, []byte("Error")) || bytes.HasSuffix(name, []byte("Exception"))
}
